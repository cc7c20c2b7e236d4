-- lib_intake.lua: storing a job once, whatever publishes it.

local function known(key, id)
  local found = redis.call('HMGET', key, 'c', '=')
  return found[2] or (found[1] and id) or nil
end

-- `intake` is the sorted set in which it waits, by `score`. `fingerprint` of what was asked: nil without an idempotency
-- key. Returns nil when the job is new and stored; else the id of the job that is known under this id or key, and, when
-- that was asked with another content, its fingerprint: then nothing was written.
local function take_in(job, content, intake, alias, id, key, now, lane, destination, text, ttl, fingerprint, score)
  local by_id = known(job, id)
  local first = by_id or (alias ~= job and known(alias, key)) or nil
  if first then
    local kept = fingerprint and redis.call('HGET', alias, 'f')
    if kept and kept ~= fingerprint then return first, kept end
    if not by_id then
      -- the later id reads as the first job
      redis.call('HSET', job, '=', first)
      redis.call('EXPIRE', job, ttl)
    end
    return first
  end
  -- First, because it may be refused, the only one of these that may: a job out of every line would never be sent.
  local at = string.format('%d', now)
  redis.call('ZADD', intake, score or at, id)
  if alias ~= job then
    redis.call('HSET', alias, '=', id)
    redis.call('EXPIRE', alias, ttl)
  end
  if fingerprint then redis.call('HSET', alias, 'f', fingerprint) end
  redis.call('HSET', job, 'c', at, 't', destination, 'l', lane)
  redis.call('EXPIRE', job, ttl)
  redis.call('SET', content, text, 'EX', ttl)
  return nil
end
