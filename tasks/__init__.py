"""What applications import: `from smsfleet.tasks import send_sms, job_status, wait_for_status, cancel`.

job = send_sms.delay("+27 99 910 0001", "Hello")
job_status(job.id).state
"""

from __future__ import annotations

from smsfleet.tasks.app import app
from smsfleet.tasks.campaign import Campaign, campaigns, find_campaign
from smsfleet.tasks.campaign_start import start_campaign
from smsfleet.tasks.cancellation import Cancellation, acancel, cancel
from smsfleet.tasks.incoming import read_mo
from smsfleet.tasks.plan import Plan, plan_campaign
from smsfleet.tasks.quote import estimate
from smsfleet.tasks.recipients import BadRow, Recipients, Row, read_recipients
from smsfleet.tasks.sms import send_sms
from smsfleet.tasks.status import JobStatus, job_status
from smsfleet.tasks.waiting import await_status, wait_for_status
from smsfleet.workers.signature import verify_webhook

__all__ = [
    "BadRow", "Campaign", "Cancellation", "JobStatus", "Plan", "Recipients", "Row", "acancel", "app",
    "await_status", "campaigns", "cancel", "estimate", "find_campaign", "job_status", "plan_campaign",
    "read_mo", "read_recipients", "send_sms", "start_campaign", "verify_webhook", "wait_for_status",
]  # fmt: skip
