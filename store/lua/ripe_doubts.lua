-- ripe_doubts.lua: destinations whose time to be looked at has come: what is old is forgotten, and segments in doubt
-- whose receipts seem to be here are named. Whoever asks has to look whether another segment to the same destination
-- is on its way, and then calls match.lua.
-- KEYS[1] doubts hash  KEYS[2] doubted sorted set
-- ARGV[1] now_ms (0: the server's clock)  ARGV[2] how long a receipt must have waited, in ms
-- ARGV[3] lifetime of traces in ms  ARGV[4] when to look again, in ms, if it could not be matched
-- ARGV[5] most destinations
-- returns the number of destinations looked at, then three for each receipt: destination, ref, message_id; or
--   the number -1: there were too many destinations, and nothing can be told apart for the lifetime of traces
-- uses: lib_form lib_time lib_doubt
local now = server_ms(ARGV[1])
local due = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', string.format('%d', now), 'LIMIT', 0, tonumber(ARGV[5]))
local found = { #due }
local forgotten = unpack_traces(redis.call('HGET', KEYS[1], ''))[1]
if forgotten then
  if now < forgotten.ms + tonumber(ARGV[3]) then return { -1 } end
  redis.call('HDEL', KEYS[1], '')
end
for _, to in ipairs(due) do
  local traces = unpack_traces(redis.call('HGET', KEYS[1], to))
  -- All are forgotten together: without the older ones a younger would look unique.
  local youngest = 0
  for _, trace in ipairs(traces) do youngest = math.max(youngest, trace.ms) end
  local look = youngest + tonumber(ARGV[3])
  if now >= look then
    traces = {}
  else
    local ref, receipts = pair_of(traces)
    local ripe = 0
    for _, receipt in ipairs(receipts or {}) do ripe = math.max(ripe, receipt.ms + tonumber(ARGV[2])) end
    if ref and ripe > now then
      look = ripe
    elseif ref then
      look = now + tonumber(ARGV[4])
      for _, receipt in ipairs(receipts) do
        found[#found + 1] = to
        found[#found + 1] = ref
        found[#found + 1] = receipt.id
      end
    end
  end
  put_traces(KEYS[1], KEYS[2], to, traces, look)
end
return found
