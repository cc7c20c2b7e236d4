-- bind_lift.lua: end a stop whose settings have changed. Fenced.
-- KEYS[1] fence string  KEYS[2] bind hash
-- ARGV[1] token  ARGV[2] the stop that was judged; another one stays
-- returns 'FENCED' | 1 lifted | 0 there is another stop, or none
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'FENCED' end
if redis.call('HGET', KEYS[2], 'stop') ~= ARGV[2] then return 0 end
return redis.call('HDEL', KEYS[2], 'stop')
