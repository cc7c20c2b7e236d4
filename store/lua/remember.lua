-- remember.lua: which job was the last to each number, so that a reply can be linked to it.
-- KEYS: for each job, the hash of its number's bucket of today
-- ARGV[1] ttl in seconds  then for each job: number, job id
-- returns how many were remembered
for i, key in ipairs(KEYS) do
  if redis.call('HSET', key, ARGV[2 * i], ARGV[2 * i + 1]) == 1 and redis.call('HLEN', key) == 1 then
    redis.call('EXPIRE', key, ARGV[1])
  end
end
return #KEYS
