-- lease_release.lua: give the lease back, or take it from a holder that is proven dead (the host's lock is ours).
-- KEYS[1] lease string
-- ARGV[1] token that must hold it, or `*:owner` for any token of that owner
-- returns 1 released | 0 somebody else holds it, or nobody
local holder = redis.call('GET', KEYS[1])
if not holder then return 0 end
local owner = string.match(ARGV[1], '^%*:(.*)$')
if holder == ARGV[1] or (owner and string.match(holder, '^%d+:%d+:(.*)$') == owner) then
  redis.call('DEL', KEYS[1])
  return 1
end
return 0
