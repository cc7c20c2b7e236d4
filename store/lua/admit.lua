-- admit.lua: put the segments of jobs on the wire's side, within the account's rate; idempotent for each job.
-- KEYS[1] rate hash  KEYS[2] status stream  KEYS[3] quota hash of today; then four for each job: job hash, intake
--   sorted set, watermark string, outbound stream
-- ARGV[1] now_ms (0: the server's clock)  ARGV[2] rate that is set (segments/s)  ARGV[3] burst (tokens)
-- ARGV[4] outbound limit (entries of one stream)  ARGV[5] quota ttl in seconds
-- then for each job: id, floor (tokens that its lane leaves to others), lane and policy (field l, lib_job.lua),
--   deadline_ms or '', fields to store besides (`d0r3q1.1999`: letters, and numbers or points) or '',
--   quota ('' or `cap,cost,client`: thirds of a credit, no cap when empty), number of segments (`number@who` where somebody is called about the job), and
--   that many submit_sm bodies
-- returns {wait_ms, result...}: wait_ms 0 when all were handled; else the jobs after the last result were not,
--   and may be asked again after wait_ms. Results: 1 admitted, 0 known already, -1 no such job, -2 refused or closed,
--   -3 it would exceed the quota of its client: nothing done, -4 its deadline is over: nothing done
-- The rate, the burst and the outbound limit are lower while the gateway throttles: lib_rate.lua.
-- uses: lib_form lib_time lib_rate lib_admit
local now = server_ms(ARGV[1])
local bucket = open_bucket(KEYS[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), now)
local tokens, rate, limit, floor_share = bucket.tokens, bucket.rate, bucket.limit, bucket.floor_share

local results = { 0 }
local lengths = {} -- of the outbound streams
local handled, ledgers = {}, {} -- job ids by intake set, and the intake sets with their watermarks
local a, k = 6, 4
while a <= #ARGV do
  local id, floor, lane_and_policy, deadline = ARGV[a], tonumber(ARGV[a + 1]) * floor_share, ARGV[a + 2], ARGV[a + 3]
  local marks, quota, n = ARGV[a + 4], ARGV[a + 5], tonumber(ARGV[a + 6])
  local who
  if not n then
    n, who = string.match(ARGV[a + 6], '^(%d+)@(.*)$')
    n = tonumber(n)
  end
  local job, intake, watermark, outbound = KEYS[k], KEYS[k + 1], KEYS[k + 2], KEYS[k + 3]
  local found = redis.pcall('HMGET', job, 'c', '1', 'e', 'h')
  local result
  local cap, cost, client
  if quota ~= '' then cap, cost, client = string.match(quota, '^(%d*),(%d+),(.+)$') end
  if not found[1] then
    result = -1
  elseif found[2] then
    result = 0
  elseif found[3] then
    result = -2
  elseif deadline ~= '' and now >= tonumber(deadline) then
    result = -4
  elseif client and cap ~= '' and used_today(KEYS[3], client) + tonumber(cost) > tonumber(cap) then
    result = -3
  else
    if tokens <= floor then
      results[1] = wait_for_tokens(tokens, floor, rate)
      break
    end
    -- a job with more segments than the limit goes when the stream is empty, else it would wait for ever
    local queued = lengths[outbound] or redis.call('XLEN', outbound)
    if queued > 0 and queued + n > limit then
      results[1] = wait_for_room(n, rate)
      break
    end
    tokens = tokens - n
    lengths[outbound] = queued + n
    local history = (found[4] or '') .. string.format('%dQ;', math.max(0, now - (tonumber(found[1]) or now)))
    local fields = { 'l', lane_and_policy, 'h', history }
    if client then
      fields[#fields + 1] = 'g'; fields[#fields + 1] = client
      if cap ~= '' then use(KEYS[3], client, cost, ARGV[5]) end
    end
    if deadline ~= '' then fields[#fields + 1] = 'x'; fields[#fields + 1] = deadline end
    if who then fields[#fields + 1] = 'b'; fields[#fields + 1] = who end
    local told = who or (n > 1 and redis.call('HGET', job, 'k')) -- '@': somebody waits for it
    add_segments(fields, outbound, id .. '#', n, marks, told, a + 6)
    redis.call('HSET', job, unpack(fields))
    result = 1
  end
  if result > -3 then -- the others are taken out of the intake when they are closed
    if not handled[intake] then
      handled[intake] = {}
      ledgers[#ledgers + 1] = { intake = intake, watermark = watermark }
    end
    table.insert(handled[intake], id)
  end
  results[#results + 1] = result
  a = a + 7 + n
  k = k + 4
end
for _, ledger in ipairs(ledgers) do
  local ids = handled[ledger.intake]
  local newest = tonumber(redis.call('GET', ledger.watermark) or '0')
  local mark
  for _, published in ipairs(redis.call('ZMSCORE', ledger.intake, unpack(ids))) do
    if published and tonumber(published) > newest then
      newest, mark = tonumber(published), published
    end
  end
  redis.call('ZREM', ledger.intake, unpack(ids))
  if mark then redis.call('SET', ledger.watermark, mark) end
end
redis.call('HSET', KEYS[1], 'v', string.format('%.6f', tokens), 't', string.format('%d', now), 'm', ARGV[2])
return results
