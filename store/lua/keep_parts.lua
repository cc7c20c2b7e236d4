-- keep_parts.lua: put a message that was collected from its parts into the stream `mo`, once.
-- KEYS[1] deliveries stream  KEYS[2] mo stream  KEYS[3] routing sorted set  KEYS[4] parts hash of the message
-- KEYS[5] collecting sorted set  KEYS[6] opted-out count integer  KEYS[7] recent sorted set of opted-out numbers
-- KEYS[8] bucket hash of the number; these three only with a wish
-- ARGV[1] most entries of `mo`  ARGV[2] now_ms (0: the server's clock)  ARGV[3] the message as
--   JSON, without its last brace  ARGV[4] targets, a line each ('' = the stream only)  ARGV[5] name in the sorted set
-- ARGV[6] the collection (field g)  ARGV[7] ttl in seconds of what is remembered  ARGV[8] 1 when parts are missing
-- ARGV[9] what its sender wishes of the opt-out list, as in keep_mo.lua
-- then three for each part that was collected: number, digest, entry id
-- returns the id in `mo` | 'stale' (kept by another, or another part came: nothing done) | 'repeated' (parts of a
--   message that was kept before, and not all of them: dropped, because nothing is new)
-- uses: lib_form lib_time lib_mo lib_wish
local parts = {}
for a = 10, #ARGV, 3 do parts[#parts + 1] = { number = ARGV[a], digest = ARGV[a + 1], entry = ARGV[a + 2] } end
if redis.call('HGET', KEYS[4], 'g') ~= ARGV[6] then return 'stale' end
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
  redis.call('XDEL', KEYS[1], part.entry)
end
redis.call('HDEL', KEYS[4], 'g', 'm')
redis.call('EXPIRE', KEYS[4], ARGV[7])
redis.call('ZREM', KEYS[5], ARGV[5])
if repeated and ARGV[8] == '1' then return 'repeated' end
local now = server_ms(ARGV[2])
local said, target = grant(ARGV[9], KEYS[6], KEYS[7], KEYS[8], now)
return put_mo(KEYS[2], KEYS[3], ARGV[1], now, ARGV[3] .. said, ARGV[4] .. '\n' .. target, repeated)
