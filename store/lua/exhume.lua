-- exhume.lua: put an unreadable deliver_sm back among the deliveries: a relay tries to read it again.
-- KEYS[1] dead stream  KEYS[2] deliveries stream
-- ARGV[1] entry id
-- returns 1 put back, 0 no such entry (any more)
-- uses: lib_form
local found = redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[1])[1]
if not found then return 0 end
local values = {}
for i = 1, #found[2], 2 do values[found[2][i]] = found[2][i + 1] end
redis.call('XADD', KEYS[2], '*', 'p', values.p, 't', values.t)
redis.call('XDEL', KEYS[1], ARGV[1])
return 1
