-- lib_wish.lua: entries of the opt-out list, changed one by one; and the wish of whoever wrote a message, which is granted
-- by the script that keeps the message: so it is confirmed, whatever ends in between.

-- `value`: `ms why`, ms 0: now; `marker`: see opt_out.lua; `keeps`: an older entry stays as it is. Returns 1 when it is new.
local function opt_out_one(count_key, recent_key, bucket_key, field, value, marker, keeps, now)
  local ms, why = string.match(value, '^(%d+) (.*)$')
  if ms == '0' then ms = string.format('%d', now) end
  value = ms .. ' ' .. why
  local new = redis.call('HSETNX', bucket_key, field, value)
  if new == 0 and not keeps then redis.call('HSET', bucket_key, field, value) end
  redis.call('ZADD', recent_key, string.format('%d', now), field, string.format('%d', now), marker)
  if new == 1 then redis.call('INCR', count_key) end
  return new
end

local function opt_in_one(count_key, recent_key, bucket_key, field)
  local was = redis.call('HDEL', bucket_key, field)
  redis.call('ZREM', recent_key, field)
  if was == 1 and redis.call('DECR', count_key) <= 0 then redis.call('DEL', count_key) end
  return was
end

-- `wish`: JSON of store/opt_out.py. Returns what is to be said of it in the message (JSON), and the further target.
local function grant(wish, count_key, recent_key, bucket_key, now)
  if wish == '' then return '', '' end
  local asked, changed = cjson.decode(wish), false
  for i, field in ipairs(asked.fields) do
    local done
    if asked.word == 'out' then
      done = opt_out_one(count_key, recent_key, bucket_key, field, '0 reply', asked.markers[i], true, now)
    else
      done = opt_in_one(count_key, recent_key, bucket_key, field)
    end
    changed = changed or done == 1
  end
  redis.call('ZREMRANGEBYSCORE', recent_key, '-inf', string.format('%d', now - asked.recent_ms))
  if not changed then return ',"opt_out":null', '' end
  return ',"opt_out":"' .. asked.word .. '"', asked.target
end
