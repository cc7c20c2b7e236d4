-- lib_intake.lua: storing a job once, whatever publishes it.

local function known(key, id)
  local found = redis.call('HMGET', key, 'c', '=')
  return found[2] or (found[1] and id) or nil
end

-- Returns nil when the job is new and stored, else the id of the job that is known under this id or key.
local function take_in(job, content, intake, alias, id, key, now, lane, destination, text, ttl)
  local first = known(job, id)
  if first then return first end
  if alias ~= job then
    first = known(alias, key)
    if first then
      -- the later id reads as the first job
      redis.call('HSET', job, '=', first)
      redis.call('EXPIRE', job, ttl)
      return first
    end
    redis.call('HSET', alias, '=', id)
    redis.call('EXPIRE', alias, ttl)
  end
  local at = string.format('%d', now)
  redis.call('HSET', job, 'c', at, 't', destination, 'l', lane)
  redis.call('EXPIRE', job, ttl)
  redis.call('SET', content, text, 'EX', ttl)
  redis.call('ZADD', intake, at, id)
  return nil
end
