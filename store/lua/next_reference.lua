-- next_reference.lua: concatenation references that no other text to the same destination used lately.
-- KEYS counter string for each text  ARGV[1] number of references (256 or 65536)  ARGV[2] ttl in seconds
-- returns the reference of each text, 0 .. ARGV[1]-1
local references = {}
for i, key in ipairs(KEYS) do
  references[i] = redis.call('INCR', key) % tonumber(ARGV[1])
  redis.call('EXPIRE', key, ARGV[2])
end
return references
