-- snapshot.lua: what waits where, for operators: how much, and the first of it. It only reads, and what it costs does
-- not grow with what waits: beside counters it looks at the segments in flight, a window's worth.
-- KEYS[1] status:counts hash  KEYS[2] lease string  KEYS[3] query:off string  KEYS[4] optedout integer  KEYS[5] doubts hash
-- KEYS[6] inflight hash  KEYS[7] queries list  KEYS[8] hooked hash  KEYS[9..11] outbound streams high normal bulk
-- KEYS[12..18] streams: responses deliveries answers outbox dead undelivered strays
-- KEYS[19..29] sorted sets: intake high normal bulk, scheduled, delayed, held, aside, orphans, routing, collecting, hooks
-- ARGV[1] now_ms (0: the server's clock)  ARGV[2] consumer group of the relays  ARGV[3] ms after which a relay that
--   did not ask for facts is taken for dead  ARGV[4] entries of a lane that are looked at most
-- returns { now_ms, ms until the lease ends (below 0: none), relays alive, facts that they read and did not apply,
--   why query_sm is off or '', opted-out numbers, destinations in doubt, questions for query_sm,
--   events that a webhook has not taken, the fields and values of status:counts,
--   three lanes: { segments that are not in flight, ms of the oldest, segments in flight, ms of the oldest },
--   the streams: { entries, ms of the oldest }, the sorted sets: { members, lowest score } }; '' for no ms or score
-- uses: lib_form lib_time
local function ms_of(id)
  return string.match(id, '^%d+')
end

local function first_of(stream)
  local entry = redis.call('XRANGE', stream, '-', '+', 'COUNT', 1)[1]
  return entry and ms_of(entry[1]) or ''
end

local flying = { {}, {}, {} }
local counts, oldest = { 0, 0, 0 }, { '', '', '' }
for _, intent in ipairs(redis.call('HVALS', KEYS[6])) do
  local lane, entry = string.match(intent, '^%d+,(%d),([^,]+),')
  lane = tonumber(lane)
  if lane and flying[lane] then
    flying[lane][entry] = true
    counts[lane] = counts[lane] + 1
    local ms = ms_of(entry)
    if oldest[lane] == '' or tonumber(ms) < tonumber(oldest[lane]) then oldest[lane] = ms end
  end
end

-- An entry stays in its stream until its segment is settled: those in flight are passed over.
local function first_that_waits(stream, lane)
  local looked = math.min(counts[lane] + 1, tonumber(ARGV[4]))
  local last = ''
  for _, entry in ipairs(redis.call('XRANGE', stream, '-', '+', 'COUNT', looked)) do
    last = ms_of(entry[1])
    if not flying[lane][entry[1]] then return last end
  end
  return last
end

local lanes = {}
for lane = 1, 3 do
  local stream = KEYS[8 + lane]
  local waiting = math.max(0, redis.call('XLEN', stream) - counts[lane])
  local first = waiting > 0 and first_that_waits(stream, lane) or ''
  lanes[lane] = { waiting, first, counts[lane], oldest[lane] }
end

local streams = {}
for k = 12, 18 do
  local stream = KEYS[k]
  streams[#streams + 1] = { redis.call('XLEN', stream), first_of(stream) }
end

local queues = {}
for k = 19, #KEYS do
  local queue = KEYS[k]
  local first = redis.call('ZRANGE', queue, 0, 0, 'WITHSCORES')[2]
  queues[#queues + 1] = { redis.call('ZCARD', queue), first or '' }
end

local function facts_of(row)
  local facts = {}
  for i = 1, #row, 2 do facts[row[i]] = row[i + 1] end
  return facts
end

-- What was applied has left its stream: the rest was given to a relay, or is the group's lag.
local function unapplied_of(stream)
  local groups = redis.pcall('XINFO', 'GROUPS', stream)
  for _, group in ipairs(groups.err and {} or groups) do
    local facts = facts_of(group)
    if facts.name == ARGV[2] then return redis.call('XLEN', stream) - (tonumber(facts.lag) or 0) end
  end
  return 0
end

local relays = 0
local consumers = redis.pcall('XINFO', 'CONSUMERS', KEYS[13], ARGV[2]) -- an error while there is no group
for _, consumer in ipairs(consumers.err and {} or consumers) do
  if (facts_of(consumer).idle or 0) < tonumber(ARGV[3]) then relays = relays + 1 end
end

return {
  server_ms(ARGV[1]), redis.call('PTTL', KEYS[2]), relays, unapplied_of(KEYS[12]) + unapplied_of(KEYS[13]),
  redis.call('GET', KEYS[3]) or '', redis.call('GET', KEYS[4]) or '0', redis.call('HLEN', KEYS[5]),
  redis.call('LLEN', KEYS[7]), redis.call('HLEN', KEYS[8]), redis.call('HGETALL', KEYS[1]), lanes, streams, queues,
}
