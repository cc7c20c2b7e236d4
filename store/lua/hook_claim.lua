-- hook_claim.lua: due events of a host, to be tried now; nobody else gets them until the claim is over.
-- KEYS[1] hooks sorted set  KEYS[2] queue of the host, sorted set  KEYS[3] hooked hash
-- ARGV[1] now_ms  ARGV[2] length of the claim in ms  ARGV[3] most events  ARGV[4] host
-- returns id, event, id, event ...
-- uses: lib_form lib_hook
local claimed = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', ARGV[1], 'LIMIT', 0, ARGV[3])) do
  local event = redis.call('HGET', KEYS[3], id)
  if event then
    redis.call('ZADD', KEYS[2], string.format('%d', ARGV[1] + ARGV[2]), id)
    claimed[#claimed + 1] = id
    claimed[#claimed + 1] = event
  else
    redis.call('ZREM', KEYS[2], id) -- erased meanwhile
  end
end
look_at(KEYS[1], KEYS[2], ARGV[4])
return claimed
