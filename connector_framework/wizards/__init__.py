from . import comparison_repair, incident_mute, job_bulk, preview
