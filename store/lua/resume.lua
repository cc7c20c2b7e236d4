-- resume.lua: an operator ends pauses. Ending that of the account (`all`) ends the gateway's too: its next answer tells
-- whether that was right.
-- KEYS[1] pause hash
-- ARGV[1..] of high normal bulk all
-- returns how many pauses were ended
local ended = redis.call('HDEL', KEYS[1], unpack(ARGV))
for i = 1, #ARGV do
  if ARGV[i] == 'all' then
    ended = ended + redis.call('HDEL', KEYS[1], 'gateway')
    redis.call('HDEL', KEYS[1], 'probe', 'every', 'probes', 'probing')
  end
end
return ended
