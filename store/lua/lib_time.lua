-- lib_time.lua: the clock of the scripts: the server's, unless a caller gives its own (tests do).

local function server_ms(given)
  local now = tonumber(given)
  if now ~= 0 then return now end
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
