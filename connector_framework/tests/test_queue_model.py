"""The queue against a naive model of it: random sequences of everything that can happen to jobs."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from odoo.exceptions import UserError
from odoo.tests import TransactionCase, tagged

from ..queue.claimed import Failure
from ..queue.sql import attempt, workers
from ..queue.worker import Worker
from .kit.jobs import _TestSession

_ERROR = Failure("X", "x")
CHANNELS = ("root", "root.a", "root.a.b", "root.c")


@dataclass
class ModelJob:
    id: int
    priority: int
    channel: str
    identity: str | None
    exclusive: str | None
    parents: list[int]
    state: str = "pending"
    attempt: int = 0
    worker: int | None = None


@dataclass
class Model:
    """What the documentation says, with lists and loops."""

    jobs: dict[int, ModelJob] = field(default_factory=dict)
    paused: set[str] = field(default_factory=set)
    capacity: dict[str, int] = field(default_factory=dict)

    def above(self, channel):
        words = channel.split(".")
        return [".".join(words[: i + 1]) for i in range(len(words))]

    def twin(self, job):
        return next(
            (
                other
                for other in self.jobs.values()
                if job.identity
                and other.identity == job.identity
                and other is not job
                and other.state in ("waiting", "pending")
            ),
            None,
        )

    def to_pending(self, job):
        job.worker = None
        job.state = "cancelled" if self.twin(job) else "pending"
        if job.state == "cancelled":
            self.cancel_children(job)

    def wait_again(self, job):
        states = {self.jobs[p].state for p in job.parents}
        if job.state == "pending" and states - {"done", "cancelled"}:
            job.state = "cancelled" if "cancelled" in states else "waiting"

    def release(self):
        for job in self.jobs.values():
            if job.state == "waiting" and all(self.jobs[p].state == "done" for p in job.parents):
                job.state = "pending"

    def cancel_children(self, job):
        for child in self.jobs.values():
            if child.state == "waiting" and job.id in child.parents:
                child.state = "cancelled"
                self.cancel_children(child)

    def claimable(self, limit):
        """Return the ids of what a claim gives, in order."""
        running = [job for job in self.jobs.values() if job.state == "running"]
        used = {c: sum(c in self.above(job.channel) for job in running) for c in CHANNELS}
        keys = {job.exclusive for job in running if job.exclusive}
        picked = []
        for job in sorted(self.jobs.values(), key=lambda job: (job.priority, job.id)):
            if job.state != "pending" or len(picked) == limit:
                continue
            above = self.above(job.channel)
            if any(c in self.paused for c in above) or job.exclusive in keys:
                continue
            if any(self.capacity.get(c) and used[c] >= self.capacity[c] for c in above):
                continue
            picked.append(job.id)
            keys |= {job.exclusive} - {None}
            for c in above:
                used[c] += 1
        return picked


def random_steps(chance: random.Random, count: int) -> list[tuple]:
    """Return steps as a busy day has them: much is enqueued, claimed and finished, some of it goes wrong."""
    steps: list[tuple] = []
    for _ in range(count):
        number = chance.randrange(100)
        kind = chance.choices(
            ("enqueue", "claim", "end", "act", "crash", "pause", "resume", "capacity"), (12, 8, 10, 5, 1, 1, 2, 2)
        )[0]
        channel = chance.choice(CHANNELS)
        match kind:
            case "enqueue":
                identity, exclusive = chance.choice((None, None, "i1", "i2")), chance.choice((None, None, "e1", "e2"))
                parents = [chance.randrange(100) for _ in range(chance.choice((0, 0, 1, 2)))]
                steps.append((kind, chance.choice((5, 10, 10, 20)), channel, identity, exclusive, parents))
            case "claim":
                steps.append((kind, chance.randint(1, 4), chance.randrange(2)))
            case "end":
                steps.append((chance.choice(("finish", "finish", "fail", "retry", "give_back")), number))
            case "act":
                steps.append((chance.choice(("cancel", "requeue", "done")), number))
            case "crash":
                steps.append((kind, chance.randrange(2)))
            case "capacity":
                steps.append((kind, channel, chance.randint(0, 2)))
            case _:
                steps.append((kind, channel))
    return steps


@tagged("post_install", "-at_install", "transaction")
class TestQueueModel(TransactionCase):
    def test_model(self):
        """After each step the states, attempts and claims are those of the model."""
        for seed in range(25):
            with self.enter_registry_test_mode(), self.env.cr.savepoint() as savepoint:
                self.play(random_steps(random.Random(seed), 80))
                savepoint.close(rollback=True)
            self.env.invalidate_all()

    def play(self, steps):
        self.env.cr.execute("DELETE FROM connector_job")
        for name in CHANNELS:
            self.env["connector.job.channel"]._ensure(name)
        self.channels = {c.name: c for c in self.env["connector.job.channel"].search([("name", "in", CHANNELS)])}
        self.model = Model()
        session = _TestSession(self.registry)
        self.workers = [Worker(session), Worker(session)]
        self.env.invalidate_all()
        for step in steps:
            getattr(self, f"do_{step[0]}", self.do_on_job)(*step)
            self.compare(step, steps)

    def compare(self, step, steps):
        self.env.cr.execute("SELECT id, state, attempt FROM connector_job ORDER BY id")
        real = self.env.cr.fetchall()
        model = [(job.id, job.state, job.attempt) for job in self.model.jobs.values()]
        self.assertEqual(real, sorted(model), f"after {step} of {steps}")

    def pick(self, number, *states):
        found = [job for job in self.model.jobs.values() if not states or job.state in states]
        return found[number % len(found)] if found else None

    def release(self):
        for worker in self.workers:
            worker.release()
        self.workers[0].maintain()
        self.model.release()

    def do_enqueue(self, _name, priority, channel, identity, exclusive, numbers):
        parents = sorted({job.id for number in numbers if (job := self.pick(number))})
        records = self.env["res.lang"].as_job(
            priority=priority,
            channel=channel,
            identity_key=identity,
            exclusive_key=exclusive,
            after=self.env["connector.job"].browse(parents) if parents else None,
        )
        job_id = records.exists().id
        job = ModelJob(job_id, priority, channel, identity, exclusive, parents)
        twin = self.model.twin(job)
        if twin:
            self.assertEqual(job_id, twin.id)
            twin.priority = min(twin.priority, priority)
            return
        self.assertNotIn(job_id, self.model.jobs)
        self.model.jobs[job_id] = job
        if any(self.model.jobs[p].state != "done" for p in parents):
            job.state = "waiting"
            if any(self.model.jobs[p].state == "cancelled" for p in parents):
                job.state = "cancelled"
        self.release()

    def do_claim(self, _name, limit, which):
        worker = self.workers[which]
        self.release()
        expected = self.model.claimable(limit)
        claimed = worker.claim(limit)
        self.assertEqual([job.id for job in claimed], expected)
        for claim in claimed:
            job = self.model.jobs[claim.id]
            job.state, job.worker, job.claim = "running", which, claim
            job.attempt += 1

    def do_on_job(self, name, number):
        getattr(self, f"{'act' if name in ('cancel', 'requeue', 'done') else 'end'}")(name, number)
        self.release()

    def end(self, name, number):
        job = self.pick(number, "running")
        if job is None:
            return
        worker = self.workers[job.worker]
        if name == "finish":
            worker.skip(job.claim, "ok")
            job.state, job.worker = "done", None
        elif name == "fail":
            worker.fail(job.claim, _ERROR)
            job.state, job.worker = "failed", None
        elif name == "retry":
            worker.retry(job.claim, _ERROR, delay_s=0)
            self.model.to_pending(job)
        else:
            worker.give_back([job.claim])
            job.attempt -= 1
            worker.ended(job.claim)
            self.model.to_pending(job)

    def act(self, name, number):
        job = self.pick(number, "waiting", "pending", "done", "failed", "cancelled")
        if job is None:
            return
        record = self.env["connector.job"].browse(job.id)
        allowed = {
            "cancel": ("waiting", "pending", "failed"),
            "requeue": ("failed", "cancelled", "done"),
            "done": ("waiting", "pending", "failed"),
        }[name]
        if job.state not in allowed:
            with self.assertRaises(UserError):
                getattr(record, f"action_{name}")()
            return
        getattr(record, f"action_{name}")()
        if name == "cancel":
            job.state = "cancelled"
            self.model.cancel_children(job)
        elif name == "requeue":
            job.attempt = 0
            self.model.to_pending(job)
            self.model.wait_again(job)
        else:
            job.state = "done"

    def do_crash(self, _name, which):
        self.env.cr.execute("DELETE FROM connector_worker WHERE id = %s", [self.workers[which].id])
        other = self.workers[1 - which]
        # In the one transaction of a test a row may have been locked before the claim: what counts is what is seen.
        seen = other._session.execute(attempt.lost_jobs(workers.jobs_of([self.workers[which].id])))
        begun = {job_id for job_id, has_begun, _exhausted in seen if has_begun}
        other.reap(30)
        for job in sorted(self.model.jobs.values(), key=lambda job: job.id):
            if job.state == "running" and job.worker == which:
                if job.id in begun and job.attempt >= 5:
                    job.state, job.worker = "failed", None
                else:
                    job.attempt -= job.id not in begun
                    self.model.to_pending(job)
        self.workers[which] = Worker(_TestSession(self.registry))
        self.release()

    def do_pause(self, _name, channel):
        self.channels[channel].action_pause()
        self.env.flush_all()
        self.model.paused.add(channel)

    def do_resume(self, _name, channel):
        self.channels[channel].action_resume()
        self.env.flush_all()
        self.model.paused.discard(channel)

    def do_capacity(self, _name, channel, capacity):
        self.channels[channel].capacity = capacity
        self.env.flush_all()
        self.model.capacity[channel] = capacity
