from . import incident_mute, job_bulk, preview
