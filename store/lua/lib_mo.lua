-- lib_mo.lua: one more message in the stream `mo`, and among those that are to be routed.

-- `targets`: words with a line feed between them, '' for none
local function put_mo(stream, routing_key, kept, now, json, targets, duplicate)
  local whole = json .. ',"duplicate":' .. tostring(duplicate) .. '}'
  local id = redis.call('XADD', stream, 'MAXLEN', '~', kept, '*', 'm', whole)
  for target in string.gmatch(targets, '[^\n]+') do
    redis.call('ZADD', routing_key, string.format('%d', now), id .. ' ' .. target)
  end
  return id
end
