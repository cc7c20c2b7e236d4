-- left_over.lua: facts that a relay has read and nobody has applied. Reads only.
-- KEYS[1] stream of facts
-- ARGV[1] consumer group  ARGV[2] `-`, or `(id`: only what is behind it  ARGV[3] most entries
-- returns entries as XRANGE does; none while there is no stream or no group
-- The group keeps no list of what is pending: what is applied leaves the stream, so all that the group gave out and is
-- still there is in the hands of a relay, or of none.
local groups = redis.pcall('XINFO', 'GROUPS', KEYS[1])
for _, group in ipairs(groups.err and {} or groups) do
  local facts = {}
  for i = 1, #group, 2 do facts[group[i]] = group[i + 1] end
  if facts.name == ARGV[1] then
    return redis.call('XRANGE', KEYS[1], ARGV[2], facts['last-delivered-id'], 'COUNT', ARGV[3])
  end
end
return {}
