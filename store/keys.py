"""Every key of one account, in one place. All share the hash tag `{account}`: one Redis Cluster slot.

Lifetimes: `job_ttl_s` (30 days) for jobs, `text_ttl_s` (a day after the final status) for contents,
`index_ttl_s` (8 days: the gateway holds receipts for 7, guide §4) for the message-id index and orphans.
Keys without a TTL, and why:

- `fence`, `lease:number`: a fence that expired would let an old binder back in.
- streams and their groups: entries are deleted by the script that applies them; `status`, `journal`,
  `mo`, `receipts`, `dead`, `strays` and `undelivered` are capped.
- `intake:*`, `watermark:*`, `scheduled`, `aside`, `inflight`, `waiting`, `delayed`, `held`, `collecting`,
  `routing`, `outbox`, `hooks`, `hooked`, `hook:*`: work that is not done must not expire; nor must a
  `parts:*` before its message is delivered.
- `optedout`, `optedout:*`: who wants no more messages is to be known for ever.
- `doubts`, `doubted`: the duties forget a destination `index_ttl_s` after the last that was heard of it; at
  most 100,000 destinations. `orphans`: a name goes with its list, and at most `orphan_limit` stay.
- `answers`: as the other streams, applied within a second by the duties of any worker.
- `credits`: the balance, which nobody but the operator knows.
- `rate`, `status:counts`: one small hash for each account. `live`: what the operator has set, until the
  next reload.
- `campaigns`, `campaigns:*`: a few fields for each campaign, forgotten by the duties when the campaign has
  expired; segments of a paused one, in `campaigns:parked`, are work that is not done.
- `pause`: a pause that ended by itself would send what an operator holds back.
"""

from __future__ import annotations

import zlib

LANES = ("high", "normal", "bulk")
"""The lanes in the order in which they are served."""

RELAY_GROUP = "workers"
"""Consumer group of the streams of facts."""

INDEX_BUCKETS = 4096
"""Message ids of one day are spread over this many hashes, so that each stays a compact listpack."""

OPT_OUT_BUCKETS = 4096
"""Opted-out numbers are spread over this many hashes, so that each stays a compact listpack."""

DAY_MS = 86_400_000

CAMPAIGN_OCTETS = 11
"""A campaign's id: `C` and ten letters or digits. The ids of its jobs begin with it and a colon."""

NUMBER_BUCKETS = 4096
"""Numbers of one campaign are spread over this many sets: each stays a compact intset up to 2 million."""


class Keys:
    """The keys of one account as bytes; built once, asked per message."""

    def __init__(self, account: str) -> None:  # noqa: PLR0915 - two lines for each key
        self.prefix = b"{" + account.encode("ascii") + b"}:"
        prefix = self.prefix
        self.outbound = {lane: prefix + b"outbound:" + lane.encode() for lane in LANES}
        """stream, by lane: segments that wait for the wire; fields `r` ref, `b` submit_sm body"""
        self.intake = {lane: prefix + b"intake:" + lane.encode() for lane in LANES}
        """sorted set, by lane: jobs taken in and not yet admitted; score = when published (ms)"""
        self.scheduled = prefix + b"scheduled"
        """sorted set: jobs that are not published yet -> when they are to be (ms)"""
        self.aside = prefix + b"aside"
        """sorted set: jobs that ended workers, until an operator decides -> when they were set aside (ms)"""
        self.watermark = {lane: prefix + b"watermark:" + lane.encode() for lane in LANES}
        """string, by lane: the latest intake score that was admitted"""
        self.inflight = prefix + b"inflight"
        """hash: ref -> `attempt,lane,entry,token` of every segment between begin and settle"""
        self.responses = prefix + b"responses"
        """stream: raw answers to submit_sm; `r` ref, `a` `attempt,command_status,message_id`, `b` body"""
        self.deliveries = prefix + b"deliveries"
        """stream: raw deliver_sm bodies"""
        self.takeover = prefix + b"takeover"
        """string: the relay that applies what a dead one had read; expires"""
        self.status = prefix + b"status"
        """stream, capped: changes of a job's status"""
        self.outbox = prefix + b"outbox"
        """stream: changes and messages that somebody is to be called about; see store/outbox.py"""
        self.hooks = prefix + b"hooks"
        """sorted set: host of webhooks -> when the next event for it is due (ms)"""
        self.hooked = prefix + b"hooked"
        """hash: event id -> JSON of an event that a webhook has not taken yet"""
        self.undelivered = prefix + b"undelivered"
        """stream, capped: events that no webhook took; see store/hooks.py"""
        self.mo = prefix + b"mo"
        """stream, capped: mobile-originated messages, decoded, JSON"""
        self.opted_out = prefix + b"optedout"
        """integer: how many entries the opt-out list has"""
        self.opted_out_recently = prefix + b"optedout:recent"
        """sorted set: those of them that a segment on its way may not know -> when (ms)"""
        self.collecting = prefix + b"collecting"
        """sorted set: name of a message whose parts are missing -> when they are waited for no longer"""
        self.routing = prefix + b"routing"
        """sorted set: `id target` of a message in `mo` that is to be routed -> when (ms)"""
        self.receipts = prefix + b"receipts"
        """stream, capped: receipts as they came, those that are odd"""
        self.dead = prefix + b"dead"
        """stream, capped: facts that could not be read"""
        self.waiting = prefix + b"waiting"
        """hash: ref -> submit_sm body of a segment that is delayed, held or parked"""
        self.delayed = prefix + b"delayed"
        """sorted set: ref -> when it may be sent again (ms)"""
        self.held = prefix + b"held"
        """sorted set: ref -> when its hold ends (ms, or inf: only an operator or a late fact ends it)"""
        self.orphans = prefix + b"orphans"
        """sorted set: message id of a receipt that waits for its response -> when it came (ms)"""
        self.strays = prefix + b"strays"
        """stream, capped: receipts that no longer wait for their response, because too many did"""
        self.doubts = prefix + b"doubts"
        """hash: destination -> lost attempts and unknown message ids of it; see lib_doubt.lua"""
        self.doubted = prefix + b"doubted"
        """sorted set: destination -> when its doubts are looked at (ms)"""
        self.queries = prefix + b"queries"
        """list with a TTL: JSON of what the binder is to ask query_sm for; see store/queries.py"""
        self.answers = prefix + b"answers"
        """stream: raw answers to query_sm"""
        self.query_off = prefix + b"query:off"
        """string with a TTL: why nothing is asked any more"""
        self.query_silent = prefix + b"query:silent"
        """integer with a TTL: query_sm without any answer, one after the other"""
        self.walk_query = prefix + b"walk:query"
        """hash with a TTL: where the walk for segments without a receipt is; see store/walks.py"""
        self.walk_settle = prefix + b"walk:settle"
        """hash with a TTL: where the walk for segments that stay at 003 is"""
        self.status_counts = prefix + b"status:counts"
        """hash: how many jobs came to each status; see count_status.lua"""
        self.rate = prefix + b"rate"
        """hash: the token bucket of the account, and its rate while that is lowered; see lib_rate.lua"""
        self.pause = prefix + b"pause"
        """hash: what an operator, or the gateway, has paused; see store/standing.py"""
        self.credits = prefix + b"credits"
        """hash: what was charged since ever, and the balance as entered; see store/credits.py"""
        self.live = prefix + b"live"
        """string: JSON of the settings of the last reload; see store/live.py"""
        self.campaigns = prefix + b"campaigns"
        """sorted set: campaign -> when it was begun (ms)"""
        self.campaigns_live = prefix + b"campaigns:live"
        """sorted set: campaign that is not admitted whole -> when it is looked at (ms)"""
        self.campaigns_stopped = prefix + b"campaigns:stopped"
        """hash: campaign -> `p,ms` paused or `c,ms` cancelled; see lib_campaign.lua"""
        self.campaigns_tally = prefix + b"campaigns:tally"
        """hash: `campaign:class` -> number of jobs; see lib_tally.lua"""
        self.campaign_chunks = prefix + b"campaigns:chunks"
        """sorted set: `campaign.chunk` in play -> when it is given out again (ms): their intake ledger"""
        self.campaigns_parked = prefix + b"campaigns:parked"
        """sorted set: refs of admitted segments whose campaign is paused; their bodies are in `waiting`"""
        self.lease = prefix + b"lease"
        """string with a short TTL: the token of the binder that leads"""
        self.fence = prefix + b"fence"
        """string: the newest token ever given; command scripts refuse any other"""
        self.binder = prefix + b"binder"
        """string with a short TTL: JSON of what the binder is doing, for operators"""
        self.bind = prefix + b"bind"
        """hash: failed logins, and whether one may be tried; see store/ledger.py"""
        self.lease_number = prefix + b"lease:number"
        """integer: counts leases"""
        self.journal = prefix + b"journal"
        """stream, capped: what happened to the bind; see store/journal.py"""
        self.capture = prefix + b"capture"
        """string with a short TTL: JSON of a request for the PDUs that the binder keeps"""

    def captured(self, name: str) -> bytes:
        """String with a short TTL: JSON of the PDUs that a command asked for."""
        return self.prefix + b"captured:" + _octets(name)

    def queried(self, name: str) -> bytes:
        """List with a short TTL: what the gateway told a command that asked."""
        return self.prefix + b"queried:" + _octets(name)

    def job(self, job_id: str | bytes) -> bytes:
        """hash: one job, its segments as packed fields."""
        return self.prefix + b"job:" + _octets(job_id)

    def content(self, job_id: str | bytes) -> bytes:
        """string: the JSON of what was asked (text and options)."""
        return self.prefix + b"content:" + _octets(job_id)

    def asked(self, job_id: str | bytes) -> bytes:
        """string: where the text and options of a job are read; jobs of a campaign have them together."""
        octets = _octets(job_id)
        if octets[CAMPAIGN_OCTETS : CAMPAIGN_OCTETS + 1] == b":" and octets[:1] == b"C":
            octets = octets[:CAMPAIGN_OCTETS]
        return self.prefix + b"content:" + octets

    def campaign(self, campaign_id: str) -> bytes:
        """hash: one campaign; see lib_campaign.lua"""
        return self.prefix + b"campaign:" + _octets(campaign_id)

    def campaign_key(self, idempotency_key: str) -> bytes:
        """string: the campaign of an idempotency key, and the fingerprint of what it was asked for, JSON."""
        return self.prefix + b"campaign:key:" + _octets(idempotency_key)

    def chunk(self, campaign_id: str, number: int) -> bytes:
        """string: rows of a campaign until they are jobs, JSON; with fields, as long as a retry may be."""
        return b"%s:chunk:%d" % (self.campaign(campaign_id), number)

    def refused_rows(self, campaign_id: str) -> bytes:
        """Sorted set: `row code: reason` of the rows that became no job -> the row."""
        return self.campaign(campaign_id) + b":refused"

    def retried_rows(self, campaign_id: str) -> bytes:
        """hash: row -> the number of its last try, for those tried again; `=chunk` -> which rows it has."""
        return self.campaign(campaign_id) + b":retried"

    def campaign_numbers(self, campaign_id: str, bucket: int) -> bytes:
        """Set of digests of the numbers that a campaign has a job for."""
        return b"%s:numbers:%03x" % (self.campaign(campaign_id), bucket % NUMBER_BUCKETS)

    def hook(self, host: str) -> bytes:
        """Sorted set: event id -> when it is due (ms), for the webhooks of a host."""
        return self.prefix + b"hook:" + _octets(host)

    def channel(self, job_id: str | bytes) -> bytes:
        """No key: the channel in which a job's changes are published while somebody waits for it."""
        return self.prefix + b"changed:" + _octets(job_id)

    def orphan(self, message_id: bytes) -> bytes:
        """list: receipts that came before the response with this message id."""
        return self.prefix + b"orphan:" + message_id

    def parts(self, name: str) -> bytes:
        """hash: the parts of a message from a handset; see collect.lua. A lifetime once it is delivered."""
        return self.prefix + b"parts:" + _octets(name)

    def seen(self, digest: bytes) -> bytes:
        """String with a short TTL: this very deliver_sm has come before."""
        return self.prefix + b"seen:" + digest

    def last(self, number: str, day: int) -> bytes:
        """hash: number -> the last job that was admitted to it on `day`, for the numbers of a bucket."""
        return b"%slast:%d:%03x" % (self.prefix, day, zlib.crc32(number.encode("ascii")) % INDEX_BUCKETS)

    def opted_out_of(self, number: str) -> bytes:
        """hash: the entries of the opt-out list in this number's bucket; see store/opt_out.py"""
        return self.opted_out_bucket(zlib.crc32(number.encode("ascii")) % OPT_OUT_BUCKETS)

    def opted_out_bucket(self, bucket: int) -> bytes:
        """As `opted_out_of`, by the number of the bucket."""
        return b"%soptedout:%03x" % (self.prefix, bucket)

    def deliveries_of(self, job_id: str) -> bytes:
        """Integer with a short TTL: how often a redelivered message was taken up and not finished."""
        return self.prefix + b"redelivered:" + _octets(job_id)

    def reference(self, destination: str) -> bytes:
        """Integer with a short TTL: counts the concatenated texts to a destination."""
        return self.prefix + b"reference:" + _octets(destination)

    def index(self, message_id: bytes, day: int) -> bytes:
        """hash: message id -> ref, for those accepted on `day` (days since the epoch). Ids as in `packed`."""
        return self.index_bucket(day, zlib.crc32(message_id) % INDEX_BUCKETS)

    def index_bucket(self, day: int, bucket: int) -> bytes:
        """One of the `INDEX_BUCKETS` hashes of a day."""
        return b"%sindex:%d:%03x" % (self.prefix, day, bucket)

    def quota(self, day: int) -> bytes:
        """Hash with a TTL: client -> thirds of a credit that were admitted on `day` (UTC)."""
        return b"%squota:%d" % (self.prefix, day)

    def credits_of(self, day: str) -> bytes:
        """Hash with a TTL: charges of a `day` (YYYYMMDD in the account's zone); see lib_credit.lua."""
        return self.prefix + b"credits:" + day.encode("ascii")

    def credits_told(self, day: str, what: str) -> bytes:
        """String with a short TTL: operators were told of this on `day`."""
        return self.prefix + b"credits:told:" + f"{day}:{what}".encode("ascii")

    def outbounds(self) -> list[bytes]:
        """The outbound streams in lane order."""
        return [self.outbound[lane] for lane in LANES]


def ref(job_id: str, number: int) -> str:
    """How a segment is named everywhere: `job_id#number`, numbers from 1. Job ids never hold a `#`."""
    return f"{job_id}#{number}"


def split_ref(reference: str) -> tuple[str, int]:
    """The job id and the segment number of a ref."""
    job_id, _, number = reference.rpartition("#")
    return job_id, int(number)


def _octets(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode("ascii")
