-- campaign_erase.lua: a number is taken out of a chunk, unless the chunk was admitted or changed meanwhile.
-- KEYS[1] chunk string
-- ARGV[1] the chunk as it was read  ARGV[2] without the number
-- returns 1 done, 0 it is another now
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'KEEPTTL')
return 1
