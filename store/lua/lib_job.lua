-- lib_job.lua: a job's hash, its packed segments, the roll-up to the job's status. Included by the scripts
-- that change a segment; above it store/scripts.py puts RANK (status -> rank), STATUS (rank -> status) and
-- FINAL (status -> true) from config/statuses.py, and REACHED, the rank of 004.
--
-- Fields of a job:  c created (ms)  t destination  l lane (h n b), behind it of an admitted one on_ambiguous (R H D F)
--   and its limit unless that is 1
--   q, u what its segments cost, and the messages of those that were accepted twice: lib_credit.lua
--   r places that transliteration changed (only above 0)  d 0: no receipt is asked for (else absent)
--   g client (if named)  n segments (only above 1)  x deadline (ms; 0: cancelled)  s status shown  e error  h history
--   k counts (only above 1)  a due (ms; of a scheduled job)  o how it is to be published then (JSON)
--   f fingerprint of what was asked, in the hash of its idempotency key
--   b who is called about it ('*': whoever the account's setting names)  w channel of those that wait for it now
--   A job that has b or w ends its k with '@', or has nothing else there: so jobs that have neither cost no more.
--   1..n a segment each: <state><attempt>,<status>,<error>,<tries>,<ambiguous>,<duplicates>,<message_id>
-- States of a segment: Q queued, W queued but waiting for its time, S sending, H held, A accepted,
--   R rejected (its status is the one it is shown with), F failed unknown, E expired, C cancelled,
--   N accepted and closed at 003: no handset confirmation came in time.
-- History: <ms since created>[#segment]<letter>[status or code][ raw], entries end with ';'; a '~' stands before
--   the first entry after a gap. Message ids and what receipts say are in short forms: store/packed.py.

local LETTER_STATUS = { E = '10', C = '6', F = '1', N = '3' }
local HISTORY_OCTETS = 480

-- Most scripts look at state, attempt and status only: the rest stays packed until `details` is called.
local function unpack_segment(s, packed)
  s.state, s.attempt, s.status, s.rest = string.match(packed, '^(%u)(%d*),(%d*),(%d*,%d*,%d*,%d*,.*)$')
end

-- Unpack error, tries, ambiguous, duplicates and message_id too; call it before using them.
local function details(s)
  local error, tries, ambiguous, duplicates, message_id =
    string.match(s.rest, '^(%d*),(%d*),(%d*),(%d*),(.*)$')
  s.error, s.message_id, s.rest = error, message_id, nil
  s.tries, s.ambiguous, s.duplicates = tonumber(tries) or 0, tonumber(ambiguous) or 0, tonumber(duplicates) or 0
end

-- The error of a former attempt goes, the message id comes: what is between them stays packed.
local function accepted_as(s, message_id)
  s.rest = string.match(s.rest, '^%d*(,%d*,%d*,%d*,)') .. message_id
end

local function optional(n)
  if n == 0 then return '' end
  return string.format('%d', n)
end

local function pack_segment(s)
  local rest = s.rest
  if not rest then
    rest = s.error .. ',' .. optional(s.tries) .. ',' .. optional(s.ambiguous) .. ','
      .. optional(s.duplicates) .. ',' .. s.message_id
  end
  return s.state .. s.attempt .. ',' .. s.status .. ',' .. rest
end

-- A message id as the gateway gave it: operators see those of orphans.
local function plain_id(packed)
  if string.byte(packed) ~= 0 then return packed end
  return (string.gsub(string.sub(packed, 2), '.', function(octet) return string.format('%02x', string.byte(octet)) end))
end

-- What the roll-up counts: the state, and for accepted and rejected ones their status too.
local function label_of(s)
  if s.state == 'A' or s.state == 'R' then return s.state .. s.status end
  return s.state
end

-- rank of a label, and whether nothing more is expected of it
local function weigh_anew(label)
  local state = string.sub(label, 1, 1)
  if state == 'A' or state == 'R' then
    local status = string.sub(label, 2)
    return RANK[status] or 0, state == 'R' or FINAL[status] or false
  end
  local status = LETTER_STATUS[state]
  if status then return RANK[status], true end
  return 0, false
end

-- The same, remembered: a batch has few labels.
local RANKS, ENDS = {}, {}
local function weigh(label)
  local rank = RANKS[label]
  if not rank then
    rank, ENDS[label] = weigh_anew(label)
    RANKS[label] = rank
  end
  return rank, ENDS[label]
end

-- counts: {label = number of segments}. Open: the lowest rank. Closed: the worst final, and 004 only when
-- every segment is 004, because a text with a missing segment cannot be read.
local function roll(counts)
  local lowest, worst, closed = nil, 0, true
  for label in pairs(counts) do
    local rank, done = weigh(label)
    if not done then closed = false end
    if not lowest or rank < lowest then lowest = rank end
    if rank ~= REACHED and rank > worst then worst = rank end
  end
  if closed then return STATUS[worst] or STATUS[REACHED], true end
  return STATUS[lowest] or '', false
end

-- The class of a job of several segments for its campaign's tally (lib_tally.lua).
local function class_of_several(counts, shown, closed)
  local decided
  for label in pairs(counts) do
    if label == 'H' or class_of(label) == 'Q' then
      if decided ~= 'Q' then decided = class_of(label) end
    elseif closed and STATUS[weigh(label)] == shown and decided ~= 'Q' and decided ~= 'H' then
      decided = label
    end
  end
  return decided or 'A' .. shown
end

local function unpack_counts(packed)
  local counts = {}
  for label, count in string.gmatch(packed, '(%u%d*):(%d+)') do counts[label] = tonumber(count) end
  return counts
end

local function pack_counts(counts)
  local parts = {}
  for label, count in pairs(counts) do
    if count > 0 then parts[#parts + 1] = label .. ':' .. string.format('%d', count) end
  end
  table.sort(parts)
  return table.concat(parts, ' ')
end

-- One table for all jobs of a run, because a new one for each costs more than a command does: what load_job
-- returns is good until it is called again.
local JOB = { segment = {} }

-- nil when the job or the segment is not there (any more), or is damaged; `counts` is false for a job of one segment.
-- Everybody who may send writes jobs: one that is no hash would fail the whole batch, at every attempt.
local function load_job(key, ref, number)
  local v = redis.pcall('HMGET', key, number, 'k', 's', 'h', 'c', 'x')
  if not v[1] then return nil end
  local job, segment = JOB, JOB.segment
  unpack_segment(segment, v[1])
  if not segment.state then return nil end
  job.key, job.ref, job.number = key, ref, number
  local counts = v[2]
  job.told = counts and string.sub(counts, -1) == '@'
  if job.told then counts = counts ~= '@' and string.sub(counts, 1, -2) end
  job.counts, job.shown, job.history = counts, v[3] or '', v[4] or ''
  job.created, job.deadline = tonumber(v[5]) or 0, tonumber(v[6])
  job.label, job.noted = label_of(segment), false
  return job
end

-- `whole`: the line is about the job, not about the segment
local function note(job, now, entry, whole)
  local mark = ''
  if job.counts and not whole then mark = '#' .. job.number end
  local history = job.history .. string.format('%d', math.max(0, now - job.created)) .. mark .. entry .. ';'
  if #history > HISTORY_OCTETS then
    -- the beginning and the end say most: what is cut lies between, marked by '~'
    local head = string.match(string.sub(history, 1, 160), '^(.*;)') or ''
    local tail = string.match(string.sub(history, -(HISTORY_OCTETS - 170)), ';(.*)$') or ''
    history = head .. '~' .. tail
  end
  job.history = history
  job.noted = true
end

-- The stream is cut once for each run of a script: its cap is approximate anyway.
local capped = false
local function tell(stream, id, shown, closed)
  if capped then
    redis.call('XADD', stream, '*', 'j', id, 's', shown, 'f', closed and '1' or '0')
  else
    redis.call('XADD', stream, 'MAXLEN', '~', 100000, '*', 'j', id, 's', shown, 'f', closed and '1' or '0')
    capped = true
  end
end

-- A change of a job that somebody is told of: kept for its callback, and said to those that wait for it now.
-- labels: of its segments, as `k` has them, or the one label of a job of one segment
local function tell_more(key, outbox, id, shown, closed, labels)
  local v = redis.call('HMGET', key, 'b', 'w')
  if v[1] then
    redis.call('XADD', outbox, '*', 'j', id, 's', shown, 'f', closed and '1' or '0', 'l', labels, 'b', v[1])
  end
  -- pcall: a user of the server who may not publish must not lose the change; whoever waits looks again by itself
  if v[2] then redis.pcall('PUBLISH', v[2], shown) end
end

-- Write the changed segment, the counts and the status; say so in the status stream when what is shown changes.
local function save_job(job, now, content_key, status_stream, outbox, text_ttl)
  local label = label_of(job.segment)
  local fields = { job.number, pack_segment(job.segment) }
  if job.noted then fields[3] = 'h'; fields[4] = job.history end
  if label ~= job.label then
    local shown, closed, was_closed
    local labels = label
    local campaign = campaign_of(job.ref)
    if not job.counts then
      local rank, _
      rank, closed = weigh(label)
      _, was_closed = weigh(job.label)
      shown = STATUS[rank] or (closed and STATUS[REACHED] or '') -- what roll says of one segment
      if campaign then tally(campaign, class_of(job.label), class_of(label)) end
    else
      local counts = unpack_counts(job.counts)
      was_closed = select(2, roll(counts))
      local before = campaign and class_of_several(counts, job.shown, was_closed)
      counts[job.label] = (counts[job.label] or 1) - 1
      if counts[job.label] < 1 then counts[job.label] = nil end
      counts[label] = (counts[label] or 0) + 1
      shown, closed = roll(counts)
      labels = pack_counts(counts)
      if campaign then tally(campaign, before, class_of_several(counts, shown, closed)) end
      fields[#fields + 1] = 'k'
      fields[#fields + 1] = labels .. (job.told and '@' or '')
    end
    if shown ~= job.shown then fields[#fields + 1] = 's'; fields[#fields + 1] = shown end
    if shown ~= job.shown or closed ~= was_closed then
      local id = string.match(job.ref, '^(.*)#')
      tell(status_stream, id, shown, closed)
      if job.told then tell_more(job.key, outbox, id, shown, closed, labels) end
    end
    -- a job of a campaign has no content of its own: what all have in common lives on
    if closed and not was_closed and not campaign then redis.call('EXPIRE', content_key, text_ttl) end
    job.label = label
    job.shown = shown
  end
  redis.call('HSET', job.key, unpack(fields))
end

-- What a segment becomes that waits when its job is cancelled: C, or F when it may have been delivered already.
local function cancelled(segment)
  details(segment)
  return segment.ambiguous > 0 and 'F' or 'C'
end

-- End a segment that waits and may not be sent any more: its job's validity is over, or it was cancelled, which
-- cancel.lua says by a deadline of 0. Returns whether it ended.
local function lapse(job, now)
  if not job.deadline or now < job.deadline then return false end
  local s = job.segment
  s.state = job.deadline > 0 and 'E' or cancelled(s)
  note(job, now, s.state == 'C' and 'L' or s.state)
  return true
end

-- A fact about the message at the gateway: the status only rises. Returns whether it rose.
local function join(segment, status)
  if (RANK[status] or 0) > (RANK[segment.status] or 0) then
    segment.status = status
    if segment.state == 'N' then segment.state = 'A' end -- closed too early: what came late decides
    return true
  end
  return false
end

-- When an entry of the history was written: the first that the pattern finds; `created` when it was cut or is none.
local function noted_ms(history, mark, pattern, created)
  local elapsed = string.match(history, '(%d+)' .. mark .. pattern)
  return created + (tonumber(elapsed) or 0)
end
