-- keep_parts.lua: put a message that was collected from its parts into the stream `mo`, once.
-- KEYS[1] deliveries stream  KEYS[2] mo stream  KEYS[3] routing sorted set  KEYS[4] parts hash of the message
-- KEYS[5] collecting sorted set
-- ARGV[1] consumer group  ARGV[2] most entries of `mo`  ARGV[3] now_ms (0: the server's clock)  ARGV[4] the message as
--   JSON, without its last brace  ARGV[5] targets, a line each ('' = the stream only)  ARGV[6] name in the sorted set
-- ARGV[7] the collection (field g)  ARGV[8] ttl in seconds of what is remembered  ARGV[9] 1 when parts are missing
-- then three for each part that was collected: number, digest, entry id
-- returns the id in `mo` | 'stale' (kept by another, or another part came: nothing done) | 'repeated' (parts of a
--   message that was kept before, and not all of them: dropped, because nothing is new)
-- uses: lib_time lib_mo
local parts = {}
for a = 10, #ARGV, 3 do parts[#parts + 1] = { number = ARGV[a], digest = ARGV[a + 1], entry = ARGV[a + 2] } end
if redis.call('HGET', KEYS[4], 'g') ~= ARGV[7] then return 'stale' end
local repeated = true
for _, part in ipairs(parts) do
  local known = redis.call('HGET', KEYS[4], 'd' .. part.number)
  if known ~= part.digest then repeated = false end
end
local count = 0
for _, name in ipairs(redis.call('HKEYS', KEYS[4])) do
  if string.match(name, '^%d+$') then count = count + 1 end
end
if count ~= #parts then return 'stale' end
for _, part in ipairs(parts) do
  redis.call('HDEL', KEYS[4], part.number)
  redis.call('HSET', KEYS[4], 'd' .. part.number, part.digest)
  redis.call('XACK', KEYS[1], ARGV[1], part.entry)
  redis.call('XDEL', KEYS[1], part.entry)
end
redis.call('HDEL', KEYS[4], 'g', 'm')
redis.call('EXPIRE', KEYS[4], ARGV[8])
redis.call('ZREM', KEYS[5], ARGV[6])
if repeated and ARGV[9] == '1' then return 'repeated' end
return put_mo(KEYS[2], KEYS[3], ARGV[2], server_ms(ARGV[3]), ARGV[4], ARGV[5], repeated)
