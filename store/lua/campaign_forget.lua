-- campaign_forget.lua: a campaign that has expired leaves the lists.
-- KEYS[1] campaign hash  KEYS[2] campaigns sorted set  KEYS[3] live sorted set  KEYS[4] stopped hash  KEYS[5] tally hash
-- ARGV[1] campaign  ARGV[2..] the classes of its tally
-- returns 1 forgotten, 0 it is still there
-- uses: lib_form
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('ZREM', KEYS[3], ARGV[1])
redis.call('HDEL', KEYS[4], ARGV[1])
local fields = {}
for a = 2, #ARGV do fields[#fields + 1] = ARGV[1] .. ':' .. ARGV[a] end
redis.call('HDEL', KEYS[5], unpack(fields))
return 1
