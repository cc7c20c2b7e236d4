"""The examples of docs/cli.md, by their words: what the fleet is brought into before, and what comes of each.

`smsfleet` says its examples in its help texts; docs/cli.md is made of them. tests/acceptance/test_reference.py runs
every one, and tests/unit/test_docs.py sees to it that each has its row here and no row is left over.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Example:
    """What comes of a command."""

    shows: str
    """a pattern of what it says, or of the file into which it says it; of one that goes on its first sign of life"""
    given: str = ""
    """a state of tests/acceptance/reference_states.py"""
    code: int = 0
    """its exit code; of one that goes on after Ctrl-C"""
    typed: str = ""
    """what is typed when it asks"""


SENT = r"^state +DELIVERED"
JSON_WITH = r"(?s)^\{{.*\"{}\": "

EXAMPLES = {
    "SMSFLEET_REDIS_URL=redis://redis:6379/0 SMSFLEET_SMPP_HOST=smpp.example SMSFLEET_SMPP_SYSTEM_ID=user \\\n"
    "  SMSFLEET_SMPP_PASSWORD_FILE=/run/secrets/smpp SMSFLEET_SMPP_SYSTEM_TYPE=3000000 smsfleet binder":
        Example('"state": "bound"', "without binder"),
    "smsfleet worker": Example(r" ready\."),
    "smsfleet worker --queues sms.high --concurrency 4": Example(r"(?s)concurrency: 4.* ready\."),
    "celery -A smsfleet.tasks worker": Example(r" ready\.", code=1),  # Celery's own code of Ctrl-C
    # --- simulator
    "smsfleet simulator --port 2775 --journal reached.jsonl": Example("^listening on"),
    "smsfleet simulator --option receipt_form=any --option throttle_per_s=50 --seed 7": Example("^listening on"),
    "smsfleet simulator --control 2776": Example("^controlled on 127.0.0.1, port "),
    "smsfleet simulator ctl set response_delay_s=0.5 --control 2776": Example('"response_delay_s": 0.5'),
    "smsfleet simulator ctl status --json": Example('"bound": '),
    "smsfleet simulator ctl set error_share=0.3 error_status=0x14": Example('"error_share": 0.3, "error_status": 20'),
    "smsfleet simulator ctl refuse 27831234567 ESME_ROUTERR": Example("status +1024"),
    'smsfleet simulator ctl mo "STOP" --from 27831234567': Example(r"deliveries +\[1\]"),
    "smsfleet simulator ctl credit 100": Example("left +100"),
    "smsfleet simulator ctl credit +50": Example("left +150"),
    "smsfleet simulator ctl disconnect": Example("1"),
    "smsfleet simulator ctl enquire": Example("1"),
    "smsfleet simulator ctl hold": Example("^held +0"),
    'smsfleet simulator ctl mo "a long text ..." --from 27831234567 --form sar': Example("deliveries"),
    "smsfleet simulator ctl pause": Example("."),
    "smsfleet simulator ctl refuse 2783 0x400": Example("status +1024"),
    "smsfleet simulator ctl release": Example("."),
    "smsfleet simulator ctl resume": Example("."),
    "smsfleet simulator ctl set throttle_per_s=20": Example('"throttle_per_s": 20'),
    "smsfleet simulator ctl status --json | jq .accepted": Example(r"^\d+$"),
    "smsfleet simulator ctl unbind": Example("1"),
    "smsfleet simulator options": Example(r"^receipt_delay_s .+ \[1\.0\]$"),
    "smsfleet simulator options --json | jq '.throttle_per_s'": Example('"default": 0'),
    "smsfleet server --folder ./redis-data --port 6379": Example("^SMSFLEET_REDIS_URL=redis://127.0.0.1:"),
    # --- jobs
    'smsfleet send +27999100001 "Your code is 1234" --lane high --wait 30': Example(SENT),
    'smsfleet send 27999100001 "Sale… 50 % off" --transliterate typographic': Example("^state"),
    'smsfleet send 27999100001 "Good morning" --schedule 28800': Example("^state"),
    "smsfleet send 27999100001 --data 0a0b0c --udh 0605040b8423f0 --data-coding 4": Example("^state"),
    'smsfleet send 27999100001 "Hello" --json | jq -r .job_id': Example(r"^[\w-]{22}$"),
    'smsfleet send 27999100001 "Good morning" --at 2027-01-31T08:00+02:00': Example("SCHEDULED"),
    "smsfleet status": Example("^binder +bound"),
    "smsfleet status --json | jq -r '.alerts[] | [.severity, .name, .do] | @tsv'":
        Example("smsfleet resume", "paused"),
    "smsfleet status JOB_ID": Example(SENT),
    "smsfleet status JOB_ID --json | jq .status": Example("^4$"),
    "smsfleet top": Example("smsfleet"),
    "smsfleet top --interval 10": Example("every 10 s"),
    "smsfleet top --once > picture.txt": Example("smsfleet"),
    "smsfleet doctor": Example("0 errors"),
    "smsfleet doctor --quiet": Example("WARNING", "paused", code=1),
    "smsfleet doctor --json | jq -r '.findings[] | select(.severity == \"error\") | .found'":
        Example(".", "refused login", code=2),
    "smsfleet doctor --skip gateway": Example("0 errors"),
    "smsfleet job JOB_ID": Example(SENT),
    "smsfleet job order:17 --follow --timeout 60": Example("DELIVERED", "keyed"),
    "smsfleet job JOB_ID --json | jq '.timeline[].event'": Example('^"taken in"$'),
    "smsfleet jobs --state HELD --state FAILED_UNKNOWN": Example("HELD", "held"),
    "smsfleet jobs --to +27999100001 --since 2d": Example("DELIVERED"),
    "smsfleet jobs --status 7 --lane high --since 1h --json | jq -r '.jobs[].job_id'": Example(r"^[\w-]{22}$"),
    "smsfleet cancel 3f0c2d...": Example("CANCELLED", "scheduled"),
    "smsfleet cancel order:17 --json": Example('"complete": true', "scheduled"),
    # --- campaigns
    'smsfleet campaign plan people.csv --text "Hello {name}"': Example("^rows +2, of which 2 would be sent"),
    'smsfleet campaign start people.csv --text "Hello {name}" --follow': Example("^delivered +2"),
    "smsfleet campaign pause C1a2b3c4d5e": Example("paused", "running"),
    "smsfleet campaign cancel C1a2b3c4d5e": Example("cancelled", "running"),
    "smsfleet campaign export C1a2b3c4d5e > results.csv": Example("UNDELIVERED", "finished"),
    "smsfleet campaign export autumn-2026 --format jsonl --state UNDELIVERED --state EXPIRED":
        Example('"state": "EXPIRED"', "expired"),
    "smsfleet campaign export C1a2b3c4d5e --format jsonl | jq -r 'select(.final | not) | .job_id'":
        Example("C", "running"),
    "smsfleet campaign list --limit 20": Example("autumn"),
    "smsfleet campaign list --json | jq -r '.campaigns[] | select(.state == \"running\") | .campaign_id'":
        Example("^C", "running"),
    'smsfleet campaign plan people.csv --text "Hello {first}" --to Mobile --map first="First name"':
        Example("^rows +2, of which 2 would be sent"),
    'smsfleet campaign plan people.jsonl --text "Sale" --invalid refused.csv --json | jq .credits':
        Example("1/3", code=1),
    'zcat people.csv.gz | smsfleet campaign plan - --text "Sale" --offline':
        Example("^rows +2, of which 2 would be sent"),
    "smsfleet campaign rate C1a2b3c4d5e 50": Example("50 segments a second", "running"),
    "smsfleet campaign rate C1a2b3c4d5e none": Example("as fast as the account's", "running"),
    "smsfleet campaign refused C1a2b3c4d5e": Example("0123", "finished"),
    "smsfleet campaign refused C1a2b3c4d5e --format jsonl | jq -r .row": Example("^4$", "finished"),
    "smsfleet campaign resume C1a2b3c4d5e": Example("resumed", "halted"),
    "smsfleet campaign retry C1a2b3c4d5e": Example("^.*: 2 ", "finished"),
    "smsfleet campaign retry C1a2b3c4d5e --state UNDELIVERED": Example("^.*: 2 ", "finished"),
    "smsfleet campaign show C1a2b3c4d5e": Example("paused", "halted"),
    "smsfleet campaign show autumn-2026 --follow": Example("finished", "finished"),
    "smsfleet campaign show C1a2b3c4d5e --json | jq .counts": Example('"undelivered": 2', "finished"),
    'smsfleet campaign start people.csv --text "Hello {name}"': Example("2"),
    'smsfleet campaign start people.csv --text "Sale" --rate 50 --validity 14400 --name autumn --follow':
        Example("^delivered +2"),
    'smsfleet campaign start people.csv --text "Hello" --at 2027-01-31T08:00+02:00 --json | jq -r .campaign_id':
        Example("^C"),
    'zcat people.csv.gz | smsfleet campaign start - --text "Sale" --idempotency-key autumn-2026': Example("2"),
    'smsfleet estimate "Grüße aus Köln"': Example(r"^segments +1 \(14 septets"),
    'smsfleet estimate "Sale… 50 % off" --to 27999100001 --json': Example('"encoding": "ucs2"'),
    'smsfleet estimate "Sale… 50 % off" --transliterate typographic': Example("gsm"),
    # --- the account
    'smsfleet pause --lane bulk --reason "wrong text in the campaign"': Example("lane bulk.*: wrong text"),
    'smsfleet pause --reason "the tariff changes at noon"': Example("the account.*: the tariff"),
    "smsfleet resume --lane bulk": Example("^resumed", "paused"),
    "smsfleet resume": Example("^resumed", "paused"),
    "smsfleet reload": Example("."),
    "SMSFLEET_RATE=50 smsfleet reload": Example("(?i)rate.*50"),
    "smsfleet reload --clear": Example("."),
    "smsfleet compliance": Example("FAIL +1 bound for 48 hours", "restarted", code=1),
    "smsfleet compliance --since 20h --json | jq .verdict": Example('"FAIL"', "restarted", code=1),
    "smsfleet capture --last 50": Example('"command": "submit_sm"'),
    "smsfleet capture --format pcap --output bind.pcap": Example(r"^\d+ PDUs in bind.pcap"),
    "tshark -r bind.pcap -d tcp.port==2775,smpp": Example("SMPP .*Submit_sm"),
    "smsfleet bind status": Example("^bind +bound"),
    "smsfleet bind pause --wait 30": Example("^paused\nunbound", "to unbind"),
    "smsfleet bind resume": Example("^resumed", "unbound"),
    "smsfleet bind resume --wait 90": Example("^resumed\nbound", "unbound"),
    "smsfleet bind retry": Example("the stop is ended", "refused login"),
    "smsfleet bind status --json | jq .logins": Example('"meaning": ', "refused login", code=4),
    # --- what waits for somebody
    "smsfleet held list": Example("[1-9] held", "held"),
    "smsfleet held fail --all --yes": Example("#1 ", "held"),
    "smsfleet held fail 3f0c2d...#1": Example("#1 ", "held"),
    "smsfleet held fail --all --yes --json": Example("#1", "held"),
    "smsfleet held list --limit 20": Example("[1-9] held", "held"),
    "smsfleet held list --json | jq -r '.held[].ref'": Example("#1$", "held"),
    "smsfleet held resend 3f0c2d...#1": Example("#1 ", "held"),
    "smsfleet held resend 3f0c2d...": Example("#1 ", "held"),
    "smsfleet dead list": Example("poison: 3 workers ended", "dead"),
    "smsfleet dead replay 3f0c2d...": Example("replay: 1 of 1", "dead"),
    'smsfleet dead drop --all --yes --reason "bad encoder, fixed in 1.2"': Example("drop: [1-9]", "dead"),
    'smsfleet dead drop 3f0c2d... --reason "not wanted any more"': Example("drop: 1 of 1", "dead"),
    "smsfleet dead drop --all --yes": Example("drop: [1-9]", "dead"),
    "smsfleet dead list --limit 20": Example("[1-9] set aside", "dead"),
    "smsfleet dead list --json | jq -r '.dead[].id'": Example("^deliver_sm/", "dead"),
    "smsfleet dead replay 3f0c2d... deliver_sm/1764264000000-0": Example("replay: 2 of 2", "dead"),
    "smsfleet dead replay --all --yes --json": Example("done", "dead"),
    "smsfleet receipts": Example("unknown word"),
    "smsfleet receipts --json | jq -r '.receipts[] | select(.why == \"unknown word\").text'": Example("stat:"),
    "smsfleet optout list": Example("27", "opted out"),
    "smsfleet optout add +27999100001": Example("1"),
    "smsfleet optout import numbers.csv": Example("2"),
    "smsfleet optout add +27999100001 +27999100002": Example("2"),
    "smsfleet optout add 27999100001 --sender ACME --json": Example('"new": 1'),
    "smsfleet optout export > optout.csv": Example("^27999100001,", "opted out"),
    "smsfleet optout export --format jsonl | wc -l": Example("^2$", "opted out"),
    "smsfleet optout export --format jsonl | smsfleet optout import - --json": Example("2", "opted out"),
    "smsfleet optout list --limit 20": Example("acme", "opted out"),
    "smsfleet optout list +27999100001 --json": Example("acme", "opted out"),
    "smsfleet optout remove +27999100001": Example("1", "opted out"),
    "smsfleet optout remove 27999100001 --sender ACME": Example("1", "opted out"),
    "smsfleet callbacks list": Example("[1-9] undelivered", "undelivered"),
    "smsfleet callbacks replay --all --yes": Example(r"(\d+) of \1 tried anew", "undelivered"),
    "smsfleet callbacks drop 1764268000000-0": Example("1 of 1 dropped", "undelivered"),
    "smsfleet callbacks drop --all --yes": Example(r"(\d+) of \1 dropped", "undelivered"),
    "smsfleet callbacks list --limit 20": Example("[1-9] undelivered", "undelivered"),
    "smsfleet callbacks list --json | jq -r '.undelivered[] | [.id, .why] | @tsv'":
        Example("\tanswered 500$", "undelivered"),
    "smsfleet callbacks replay 1764268000000-0": Example("1 of 1 tried anew", "undelivered"),
    "smsfleet erase +27999100001": Example(r"\d jobs masked and their texts deleted", typed="y\n"),
    "smsfleet erase 27999100001 --yes --json": Example(r'"number": "27\*+01"'),
    "smsfleet query 3f0c2d...": Example("ACCEPTED", "accepted"),
    "smsfleet query 3f0c2d... --wait 0": Example("no answer yet", "accepted"),
    "smsfleet query 3f0c2d... --json | jq .job.status": Example("^3$", "accepted"),
    "smsfleet query --resume": Example("^query_sm was not switched off"),
    "smsfleet credits": Example(r"^used +\d+.* credits for \d+ segments"),
    "smsfleet credits --month 2026-10 --client billing": Example("billing"),
    "smsfleet credits --json | jq -r '.warnings[]'": Example("."),
    "smsfleet credits balance 12000": Example("12,?000"),
    "smsfleet credits topup 5000": Example("17,?000"),
    "smsfleet credits topup -3766": Example("."),
    # --- users and browsers
    "smsfleet acl --passwords /srv/smsfleet/passwords > users.acl": Example("^user main-worker .*#[0-9a-f]{64}"),
    "smsfleet acl --passwords /srv/smsfleet/passwords --role worker --role binder": Example("^user main-binder "),
    "SMSFLEET_ACCOUNT=second SMSFLEET_REDIS_URL=redis://redis:6379/1 smsfleet acl \\\n"
    "  --passwords /srv/smsfleet/passwords --keep-default >> users.acl": Example("^user second-worker "),
    "SMSFLEET_FLOWER_BASIC_AUTH_FILE=/run/secrets/flower_basic_auth smsfleet flower": Example("Connected to"),
    "smsfleet flower --port 8555 --natural-time=True": Example("Connected to"),
    "smsfleet web user anna --role operator >> .run/secrets/web_users":
        Example("^anna:operator:", typed="a long password\n"),
    "SMSFLEET_WEB_USERS_FILE=.run/secrets/web_users smsfleet web": Example("running on"),
    "smsfleet web user bot < password >> .run/secrets/web_users": Example("^bot:viewer:"),
}  # fmt: skip

SLOW = {
    "make demo": Example(r"^ +sale, bulk lane +1 +DELIVERED +004"),
    "make demo KEEP=1": Example("The fleet is running", code=130),
    "smsfleet compliance --simulate": Example("^PASS$"),
}
"""They take long: all are started first and run beside the others. Also what other pages show of them."""

AS = {"smsfleet demo": "make demo", "smsfleet demo --keep": "make demo KEEP=1"}
"""What is run by another command: the recipe of the Makefile is it."""
