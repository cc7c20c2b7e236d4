-- campaign_put.lua: take one chunk of rows, once, and give out what may be handled.
-- KEYS[1] campaign hash  KEYS[2] chunk string  KEYS[3] chunks sorted set  KEYS[4] stopped hash  KEYS[5] live sorted set
-- KEYS[6] content string  KEYS[7] retried hash
-- ARGV[1] campaign  ARGV[2] now_ms (0: the server's clock)  ARGV[3] number of the chunk  ARGV[4] rows in it
-- ARGV[5] chunk (JSON), '' when it has no rows  ARGV[6] digest of all chunks so far  ARGV[7] ttl in seconds, from when it is due
-- ARGV[8] most chunks that may wait  ARGV[9] most chunks in play  ARGV[10] ms until an idle one is given out again
-- ARGV[11] kind: rows | last (all rows are taken with it) | retry
-- ARGV[12..] for a retry: row, number of its try ...
-- returns {word, number...}: taken (publish the numbered chunks) | known (taken before) | full (too many wait: later) |
--   cancelled | gone (no such campaign) | early (a chunk before it is missing)
-- uses: lib_form lib_time lib_campaign
local now = server_ms(ARGV[2])
local v = redis.call('HMGET', KEYS[1], 'n', 'g', 'd', 'a')
if not v[1] then return { 'gone' } end
local taken, number, retry = tonumber(v[1]), tonumber(ARGV[3]), ARGV[11] == 'retry'
if stopped_as(KEYS[4], ARGV[1]) == 'c' then return { 'cancelled' } end
if retry ~= (v[3] == '1') or number <= taken then return { 'known' } end
if number > taken + 1 then return { 'early' } end
if taken - tonumber(v[2]) >= tonumber(ARGV[8]) then return { 'full' } end
local ttl = tonumber(ARGV[7]) + math.max(0, math.ceil(((tonumber(v[4]) or now) - now) / 1000))
if ARGV[5] ~= '' then
  redis.call('SET', KEYS[2], ARGV[5], 'EX', ttl)
  redis.call('HSET', KEYS[1], 'n', number)
end
redis.call('HSET', KEYS[1], 'h', ARGV[6])
redis.call('HINCRBY', KEYS[1], retry and 'y' or 'r', ARGV[4])
if ARGV[11] == 'last' then redis.call('HSET', KEYS[1], 'd', 1) end
if #ARGV > 11 then
  redis.call('HSET', KEYS[7], unpack(ARGV, 12))
  -- which rows these are, for when the chunk is kept no longer than its campaign is paused
  local names = {}
  for a = 12, #ARGV, 2 do names[#names + 1] = ARGV[a] .. '.' .. ARGV[a + 1] end
  redis.call('HSET', KEYS[7], string.format('=%d', number), table.concat(names, ' '))
  redis.call('EXPIRE', KEYS[7], ttl)
end
redis.call('EXPIRE', KEYS[1], ttl)
redis.call('EXPIRE', KEYS[6], ttl)
redis.call('ZADD', KEYS[5], string.format('%d', now), ARGV[1])
return { 'taken', unpack(give_out(KEYS[1], KEYS[3], KEYS[4], ARGV[1], now, tonumber(ARGV[9]), tonumber(ARGV[10]))) }
