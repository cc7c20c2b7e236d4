-- lib_doubt.lua: what is open about a destination: attempts whose answer was lost, and message ids that receipts name
-- and no answer gave. Where there is one segment and its receipt, they belong together: match.lua.
--
-- doubts   hash: destination -> its traces, one behind the other, each <kind><octets of id>,<ms>:<id>
--   L an attempt that was lost: id `ref,attempt`, ms when it was begun
--   R receipts without an answer: id the message id, ms when the first of them came
--   K a message id that was matched: one of the L is its attempt, and only an answer can still say which
--   X nothing of this destination can be told apart (there were too many traces); no others stand beside it
--   '' is no destination: its X tells since when all are forgotten, because they were too many
-- doubted  sorted set: destination -> when it is to be looked at (ms)

local MOST_TRACES = 32
local MOST_DESTINATIONS = 100000

local function unpack_traces(packed)
  local traces, at = {}, 1
  while packed and at <= #packed do
    local kind, octets, ms, id_at = string.match(packed, '^(%u)(%d+),(%d+):()', at)
    if not kind then return { { kind = 'X', ms = 0, id = '' } } end -- not as we write it: nothing can be told apart
    at = id_at + tonumber(octets)
    traces[#traces + 1] = { kind = kind, ms = tonumber(ms), id = string.sub(packed, id_at, at - 1) }
  end
  return traces
end

local function pack_traces(traces)
  local parts = {}
  for i, trace in ipairs(traces) do
    parts[i] = string.format('%s%d,%d:', trace.kind, #trace.id, trace.ms) .. trace.id
  end
  return table.concat(parts)
end

local function put_traces(doubts, doubted, to, traces, look_ms)
  if #traces == 0 then
    redis.call('HDEL', doubts, to)
    redis.call('ZREM', doubted, to)
  else
    redis.call('HSET', doubts, to, pack_traces(traces))
    redis.call('ZADD', doubted, string.format('%d', look_ms), to)
  end
end

-- All are forgotten together, and until no receipt can come for what was forgotten nothing is matched (ripe_doubts.lua):
-- without the older traces a younger would look unique.
local function make_room(doubts, doubted, to, now)
  if redis.call('HLEN', doubts) < MOST_DESTINATIONS or redis.call('HEXISTS', doubts, to) == 1 then return end
  redis.call('UNLINK', doubts, doubted)
  redis.call('HSET', doubts, '', pack_traces({ { kind = 'X', ms = now, id = '' } }))
end

-- From now on nothing of this destination is matched, until nothing more of it is heard for the lifetime of traces.
local function spoil(doubts, doubted, to, now)
  make_room(doubts, doubted, to, now)
  put_traces(doubts, doubted, to, { { kind = 'X', ms = now, id = '' } }, now)
end

local function add_trace(doubts, doubted, to, kind, id, ms, now)
  if not to or to == '' then return end
  make_room(doubts, doubted, to, now)
  local traces = unpack_traces(redis.call('HGET', doubts, to))
  for _, trace in ipairs(traces) do
    if trace.kind == kind and trace.id == id then return end
  end
  if #traces >= MOST_TRACES or (traces[1] and traces[1].kind == 'X') then return spoil(doubts, doubted, to, now) end
  traces[#traces + 1] = { kind = kind, ms = ms, id = id }
  put_traces(doubts, doubted, to, traces, now)
end

-- Where each lost attempt has its message id, nothing is open about them.
local function unresolved(traces)
  local lost, known, rest = 0, 0, {}
  for _, trace in ipairs(traces) do
    if trace.kind == 'L' then
      lost = lost + 1
    elseif trace.kind == 'K' then
      known = known + 1
    else
      rest[#rest + 1] = trace
    end
  end
  if lost > known then return traces end
  return rest
end

local function drop_trace(doubts, doubted, to, kind, id, now)
  if not to or to == '' then return end
  local traces = unpack_traces(redis.call('HGET', doubts, to))
  for i, trace in ipairs(traces) do
    if trace.kind == kind and trace.id == id then
      table.remove(traces, i)
      return put_traces(doubts, doubted, to, unresolved(traces), now)
    end
  end
end

-- An answer to this attempt came, and it may be the one whose message id was matched before.
local function answered(doubts, doubted, to, ref, attempt, message_id, now)
  drop_trace(doubts, doubted, to, 'K', message_id, now)
  drop_trace(doubts, doubted, to, 'L', ref .. ',' .. attempt, now)
end

local function destination_of(job) return redis.call('HGET', job.key, 't') end

-- The answer to this attempt of the job's segment was lost: it may be at the gateway.
local function doubt(job, attempt, now, doubts, doubted)
  local mark = job.counts and '#' .. job.number or ''
  local begun = tonumber(string.match(';' .. job.history, '.*;~?(%d+)' .. mark .. 'S0?;')) or 0
  add_trace(doubts, doubted, destination_of(job), 'L', job.ref .. ',' .. attempt, job.created + begun, now)
end

-- What belongs together: the one segment in doubt, and the receipts that came since it was begun, no more than it has
-- attempts in doubt. nil where it is not the only one.
local function pair_of(traces)
  local ref, begun, open, receipts = nil, nil, 0, {}
  for _, trace in ipairs(traces) do
    if trace.kind == 'L' then
      local of = string.match(trace.id, '^(.*),%d+$')
      if ref and of ~= ref then return nil end
      ref, open, begun = of, open + 1, math.min(begun or trace.ms, trace.ms)
    elseif trace.kind == 'K' then
      open = open - 1
    end
  end
  if not ref then return nil end
  for _, trace in ipairs(traces) do
    if trace.kind == 'R' and trace.ms >= begun then receipts[#receipts + 1] = trace end
  end
  if #receipts == 0 or #receipts > open then return nil end
  return ref, receipts
end
