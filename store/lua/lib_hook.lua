-- lib_hook.lua: a host of webhooks is looked at when the first event of its queue is due.

local function look_at(hooks, queue, host)
  local first = redis.call('ZRANGE', queue, 0, 0, 'WITHSCORES')
  if first[2] then
    redis.call('ZADD', hooks, first[2], host)
  else
    redis.call('ZREM', hooks, host)
  end
end
