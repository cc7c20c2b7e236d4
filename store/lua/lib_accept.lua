-- lib_accept.lua: a segment was accepted by the gateway: a response says so, or its receipt does.
-- `at` is a table of keys: waiting, delayed, held, parked, orphans, doubts, doubted, book (of the day); of index_ttl in
-- seconds; and of any_orphans: false when no receipt waits for its response, so that none is looked for.

local function unpark(job, at)
  redis.call('HDEL', at.waiting, job.ref)
  redis.call('ZREM', at.delayed, job.ref)
  redis.call('ZREM', at.held, job.ref)
  redis.call('ZREM', at.parked, job.ref)
end

-- Receipts that came before their response. Returns how many messages are given back by them: 1, 0 or -1.
local function join_orphans(job, now, message_id, orphan, at, is_first)
  local s, back = job.segment, 0
  for _, parked in ipairs(redis.call('LRANGE', orphan, 0, -1)) do
    local status, raw = string.match(parked, '^(%d*);(.*)$')
    join(s, status)
    if not is_first then back = back + told_of(job, message_id, status) end
    note(job, now, 'D' .. status .. raw)
  end
  redis.call('DEL', orphan)
  redis.call('ZREM', at.orphans, plain_id(message_id))
  drop_trace(at.doubts, at.doubted, destination_of(job), 'R', message_id, now)
  return is_first and given_back('', s.status) or back
end

-- Returns accepted | duplicate (accepted before under another message id) | known (this very fact). `letter` is that
-- of the history: A a response, M a receipt.
local function accept(job, now, letter, message_id, index, orphan, at)
  local s = job.segment
  if message_id ~= '' then
    if redis.call('HSETNX', index, message_id, job.ref) == 1 then
      if redis.call('HLEN', index) == 1 then redis.call('EXPIRE', index, at.index_ttl) end
    elseif redis.call('HGET', index, message_id) == job.ref then
      return 'known'
    else
      redis.call('HSET', index, message_id, job.ref) -- the gateway gives an id a second time: the later counts
    end
  else
    -- its receipts will name an id that nobody has: they must not be taken for another segment's
    spoil(at.doubts, at.doubted, destination_of(job), now)
  end
  local result, charged, back = 'accepted', 1, 0
  if s.state == 'A' or s.state == 'N' then
    details(s)
    s.duplicates = s.duplicates + 1
    result, charged = 'duplicate', one_more(job, message_id)
  else
    if s.state == 'W' or s.state == 'H' then unpark(job, at) end
    s.state = 'A'
    s.status = ''
    accepted_as(s, message_id)
  end
  note(job, now, letter .. '8')
  join(s, '8')
  if at.any_orphans and redis.call('EXISTS', orphan) == 1 then
    back = join_orphans(job, now, message_id, orphan, at, result == 'accepted')
  end
  enter_job(job, at.book, charged, back)
  return result
end
