-- lib_outbound.lua: entries of the outbound streams and the policies of an unknown outcome.
-- The submit_sm body of a segment that is not settled lives in exactly one place: its entry, or `waiting`.

local LANE_NUMBER = { h = 1, n = 2, b = 3 }

local function body_of(stream, entry)
  local found = redis.call('XRANGE', stream, entry, entry)[1]
  if not found then return nil end
  for i = 1, #found[2], 2 do
    if found[2][i] == 'b' then return found[2][i + 1] end
  end
  return nil
end

local function drop_entry(stream, entry)
  redis.call('XDEL', stream, entry)
end

-- The stream of the job's lane; `streams` are those of high, normal and bulk. A damaged one is of the normal lane.
local function stream_of(job, streams)
  return streams[LANE_NUMBER[string.sub(redis.call('HGET', job.key, 'l') or '', 1, 1)] or 2]
end

-- The letter of a job's policy, and how often an unknown outcome may be sent again.
local function policy_of(job)
  local packed = redis.call('HGET', job.key, 'l') or ''
  return string.sub(packed, 2, 2), tonumber(string.sub(packed, 3)) or 1
end

-- The outcome of a SENDING segment is unknown: resend, hold or fail, as its job says. The entry of a segment
-- that is sent again stays where it is, so that it goes before younger ones. Returns the new state's letter.
local function ambiguous(job, now, stream, entry, waiting, held, hold_ms)
  local s = job.segment
  details(s)
  s.ambiguous = s.ambiguous + 1
  local policy, limit = policy_of(job)
  local expired = job.deadline and now >= job.deadline
  note(job, now, 'U')
  if policy == 'R' and s.ambiguous <= limit and not expired then
    s.state = 'Q'
  elseif policy == 'H' or policy == 'D' then
    local body = body_of(stream, entry)
    redis.call('HSET', waiting, job.ref, body or '')
    redis.call('ZADD', held, policy == 'D' and now + hold_ms or '+inf', job.ref)
    drop_entry(stream, entry)
    s.state = 'H'
  else
    drop_entry(stream, entry)
    s.state = 'F'
    note(job, now, 'F')
  end
  return s.state
end
