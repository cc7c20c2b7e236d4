-- watch.lua: somebody waits for a job: from now on its changes are published.
-- KEYS[1] job hash
-- ARGV[1] channel
-- returns 1 done, 0 no such job (an alias is none)
if redis.call('HEXISTS', KEYS[1], 'c') == 0 then return 0 end
local counts = redis.call('HGET', KEYS[1], 'k') or ''
if string.sub(counts, -1) ~= '@' then redis.call('HSET', KEYS[1], 'k', counts .. '@') end
redis.call('HSET', KEYS[1], 'w', ARGV[1])
return 1
