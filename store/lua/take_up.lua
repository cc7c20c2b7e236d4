-- take_up.lua: redelivered jobs are about to be handled together: which of them can be, because nobody ended by them?
-- KEYS: for each job its counter string
-- ARGV[1] ttl in seconds, counted from now
-- returns an integer for each job: 0 its handling is counted as begun now; else how often it was begun before and
--   never came to an end: then nothing is counted, and it should be handled alone (count.lua)
local results = {}
for k, key in ipairs(KEYS) do
  results[k] = tonumber(redis.call('GET', key) or '0')
  if results[k] == 0 then redis.call('SET', key, '1', 'EX', ARGV[1]) end
end
return results
