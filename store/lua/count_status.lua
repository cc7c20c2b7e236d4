-- count_status.lua: count the changes of the stream `status` that were not counted yet, by what was shown.
-- KEYS[1] status stream  KEYS[2] status:counts hash: `<status>` how many jobs came to it and stay open, `<status>f` for those that
--   ended with it; `cursor` the last entry that was counted
-- ARGV[1] entries of one run at most
-- returns how many were counted; fewer than ARGV[1]: there are no more
-- uses: lib_form
local cursor = redis.call('HGET', KEYS[2], 'cursor')
local start = cursor and ('(' .. cursor) or '-'
local counts, last, counted = {}, nil, 0
for _, entry in ipairs(redis.call('XRANGE', KEYS[1], start, '+', 'COUNT', ARGV[1])) do
  local fields = entry[2] -- j job id, s status, f final: as lib_job.lua writes them
  if fields[6] then
    local name = fields[4] .. (fields[6] == '1' and 'f' or '')
    counts[name] = (counts[name] or 0) + 1
  end
  last, counted = entry[1], counted + 1
end
for name, count in pairs(counts) do redis.call('HINCRBY', KEYS[2], name, count) end
if last then redis.call('HSET', KEYS[2], 'cursor', last) end
return counted
