-- admit_rows.lua: make jobs of the next rows of a chunk and put their segments on the wire's side, within the account's
-- rate and that of the campaign. How far the chunk is stands beside it, so that a row is handled once, however often
-- its chunk is published.
-- KEYS[1] rate hash  KEYS[2] quota hash of today  KEYS[3] campaign hash  KEYS[4] chunks sorted set
-- KEYS[5] stopped hash  KEYS[6] refused sorted set  KEYS[7] outbound stream  KEYS[8] tally hash
-- KEYS[9] chunk string  KEYS[10] content string; then two for each row: job hash, set of the numbers of its bucket
--   (any key for a row that is refused, or when numbers may come twice)
-- ARGV[1] now_ms (0: the server's clock)  ARGV[2] rate that is set (segments/s)  ARGV[3] burst (tokens)
-- ARGV[4] outbound limit (entries)  ARGV[5] floor (tokens that the lane leaves to others)
-- ARGV[6] campaign  ARGV[7] chunk  ARGV[8] rows of it that were handled before these
-- ARGV[9] the chunk ends with these: '' no, else for how many seconds it is kept (0: it is deleted)
-- ARGV[10] lane letter  ARGV[11] policy (behind it in field l, lib_job.lua)  ARGV[12] deadline_ms or ''
-- ARGV[13] fields of the job besides (`d0`)
-- ARGV[14] client or ''  ARGV[15] its cap, '' for none  ARGV[16] quota ttl in seconds  ARGV[17] ttl in seconds of jobs, and
--   of the sets of numbers  ARGV[18] who is called about the jobs, '' for nobody
-- ARGV[19] ms until an idle chunk is given out again  ARGV[20] most chunks in play  ARGV[21] most refused rows listed
-- ARGV[22] reason of a row above the quota  ARGV[23] reason of a row that is too late
-- then for each row: row (`17`, `17.2` its second try), destination ('' = it is refused), code of the refusal or
--   digest of the number ('' = it may come twice), reason or fields of its own (`r3q1.1999`, as in admit.lua), thirds
--   of a credit, number of segments, and that many submit_sm bodies
-- returns {word, handled, wait_ms, places, number...}: rows handled of these, and places of those that were refused
--   here; words: done (the chunk has ended: publish the
--   numbered chunks) | on (all were handled) | wait (the account's rate or a full stream: ask again after wait_ms) |
--   slow (the rate of the campaign: it is given out again after wait_ms) | paused | cancelled |
--   moved (handled is how many rows of the chunk were before) | gone (no such campaign, or the chunk has ended)
-- uses: lib_form lib_time lib_rate lib_admit lib_tally lib_campaign
local now = server_ms(ARGV[1])
local campaign, chunk = ARGV[6], ARGV[6] .. '.' .. ARGV[7]
local v = redis.call('HMGET', KEYS[3], 'l', 'o' .. ARGV[7], 'v', 'u', 't')
if not v[1] or not redis.call('ZSCORE', KEYS[4], chunk) then return { 'gone', 0, 0, {} } end
local stopped = stopped_as(KEYS[5], campaign)
if stopped then
  leave_stopped(KEYS[4], chunk, stopped, now)
  return { stopped == 'p' and 'paused' or 'cancelled', 0, 0, {} }
end
local offset = tonumber(v[2] or 0)
if offset ~= tonumber(ARGV[8]) then return { 'moved', offset, 0, {} } end

local account = open_bucket(KEYS[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), now)
local floor = tonumber(ARGV[5]) * account.floor_share
local own = tonumber(v[3])
local own_tokens
if own then
  own_tokens = math.max(1, own) -- a second's worth may be saved up: the duties look at it twice a second
  if v[4] then own_tokens = math.min(own_tokens, tonumber(v[4]) + math.max(0, now - tonumber(v[5])) * own / 1000) end
end
local queued = redis.call('XLEN', KEYS[7])
local too_late = ARGV[12] ~= '' and now >= tonumber(ARGV[12])
local created = string.format('%d', now)
local cap, client = tonumber(ARGV[15]), ARGV[14]
local used = client ~= '' and used_today(KEYS[2], client)
local spent, made, refused, codes = 0, 0, 0, {}
local room = tonumber(ARGV[21]) - redis.call('HGET', KEYS[3], 'q')

local function refuse(row, code, reason)
  refused = refused + 1
  codes[code] = (codes[code] or 0) + 1
  if refused <= room then redis.call('ZADD', KEYS[6], string.match(row, '^%d+'), row .. ' ' .. code .. ': ' .. reason) end
end

local function is_new(numbers, digest)
  if digest == '' then return true end
  if redis.call('SADD', numbers, digest) == 0 then return false end
  if redis.call('SCARD', numbers) == 1 then redis.call('EXPIRE', numbers, ARGV[17]) end
  return true
end

-- What all jobs of these rows have.
local told = ARGV[18] ~= ''
local same = {}
local function all_have(name, value)
  same[#same + 1] = name
  same[#same + 1] = value
end
if client ~= '' then all_have('g', client) end
if ARGV[12] ~= '' then all_have('x', ARGV[12]) end
if ARGV[13] ~= '' then all_have('d', 0) end
if told then all_have('b', ARGV[18]) end
local plain = #same == 0
local prefix, lane_and_policy = campaign .. ':', ARGV[10] .. ARGV[11]

local function make(key, row, to, marks, cost, n, a)
  local ref = prefix .. row .. '#'
  if n == 1 and plain and marks == '' then
    redis.call('XADD', KEYS[7], '*', 'r', ref .. '1', 'b', ARGV[a + 6])
    redis.call('HSET', key, 'c', created, 't', to, 'l', lane_and_policy, 'h', '0Q;', '1', 'Q0,,,,,,')
  else
    local fields = { 'c', created, 't', to, 'l', lane_and_policy, 'h', '0Q;', unpack(same) }
    add_segments(fields, KEYS[7], ref, n, marks, told, a + 5)
    redis.call('HSET', key, unpack(fields))
  end
  redis.call('EXPIRE', key, ARGV[17])
  made, spent = made + 1, spent + cost
  account.tokens, queued = account.tokens - n, queued + n
  if own then own_tokens = own_tokens - n end
end

local word, handled, wait_ms, places = 'on', 0, 0, {}
local a, k = 24, 11
while a <= #ARGV do
  local row, to, mark, n = ARGV[a], ARGV[a + 1], ARGV[a + 2], tonumber(ARGV[a + 5])
  if to == '' then
    refuse(row, mark, ARGV[a + 3])
  elseif too_late then
    refuse(row, 'expired', ARGV[23])
    places[#places + 1] = handled
  elseif account.tokens <= floor then
    word, wait_ms = 'wait', wait_for_tokens(account.tokens, floor, account.rate)
    break
  elseif queued > 0 and queued + n > account.limit then
    word, wait_ms = 'wait', wait_for_room(n, account.rate)
    break
  elseif own and own_tokens <= 0 then
    -- for so long that a hundred may go, or half a second: a chunk is not given out for each
    word = 'slow'
    wait_ms = math.max(1, math.ceil((math.min(100, own / 2) - own_tokens) * 1000 / own))
    break
  else
    local cost = tonumber(ARGV[a + 4])
    if cap and used + spent + cost > cap then
      refuse(row, 'quota-exceeded', ARGV[22])
      places[#places + 1] = handled
    elseif is_new(KEYS[k + 1], mark) then
      make(KEYS[k], row, to, ARGV[a + 3], cost, n, a)
    else
      refuse(row, 'duplicate', 'the number is that of another row')
      places[#places + 1] = handled
    end
  end
  handled = handled + 1
  a, k = a + 6 + n, k + 2
end

redis.call('HSET', KEYS[1], 'v', string.format('%.6f', account.tokens), 't', created, 'm', ARGV[2])
if own then redis.call('HSET', KEYS[3], 'u', string.format('%.6f', own_tokens), 't', created) end
if made > 0 then
  tally(campaign, nil, 'Q', made)
  write_tallies(KEYS[8])
  redis.call('HINCRBY', KEYS[3], 'm', made)
end
if cap and spent > 0 then use(KEYS[2], client, spent, ARGV[16]) end
if refused > 0 then
  redis.call('HINCRBY', KEYS[3], 'q', refused)
  for code, count in pairs(codes) do redis.call('HINCRBY', KEYS[3], 'x:' .. code, count) end
  redis.call('EXPIRE', KEYS[6], ARGV[17])
end
local reply = { word, handled, wait_ms, places }
if word == 'on' and ARGV[9] ~= '' then
  reply[1] = 'done'
  redis.call('HDEL', KEYS[3], 'o' .. ARGV[7])
  redis.call('HINCRBY', KEYS[3], 'i', -1)
  redis.call('HSET', KEYS[3], 'e', created)
  redis.call('ZREM', KEYS[4], chunk)
  if ARGV[9] == '0' then redis.call('DEL', KEYS[9]) else redis.call('EXPIRE', KEYS[9], ARGV[9]) end
  redis.call('EXPIRE', KEYS[3], ARGV[17])
  redis.call('EXPIRE', KEYS[10], ARGV[17])
  local most, margin = tonumber(ARGV[20]), tonumber(ARGV[19])
  for _, number in ipairs(give_out(KEYS[3], KEYS[4], KEYS[5], campaign, now, most, margin)) do
    reply[#reply + 1] = number
  end
else
  if handled > 0 then redis.call('HSET', KEYS[3], 'o' .. ARGV[7], string.format('%d', offset + handled)) end
  local again = now + (word == 'slow' and wait_ms or tonumber(ARGV[19]))
  redis.call('ZADD', KEYS[4], string.format('%d', again), chunk)
end
return reply
