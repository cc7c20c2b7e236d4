-- lib_credit.lua: what the gateway charges, counted exactly in thirds of a credit (a test number costs one, guide §3).
-- It charges each message that it accepts, and no message that expired before it was delivered: 010 (guide §14, §15).
-- So the charge follows from what is stored of a segment, and is counted where that changes, in the same script: facts
-- that come again change neither.
-- The book of a day, a hash: n|client|row segments accepted  u|client|row thirds charged  r|client|row thirds given back
-- The hash of the account: t thirds charged since ever, less those given back; b is the balance plus t
-- Fields of a job:  q <thirds of a segment>.<row of the tariff>, when that is not one credit by no row
--   u of its segments that were accepted more than once, their messages: each <number>,<status>,<octets of id>:<id>

-- One command for each client and row of a batch, not for each job.
local BOOK = {}

-- `refunded` may be negative: a better receipt takes 010 back.
local function enter(day_key, client, price, accepted, refunded)
  local rows = BOOK[day_key]
  if not rows then
    rows = {}
    BOOK[day_key] = rows
  end
  local name = (client or '') .. '|' .. (price or '')
  local row = rows[name]
  if row then
    row[1], row[2] = row[1] + accepted, row[2] + refunded
  else
    rows[name] = { accepted, refunded }
  end
end

local function enter_job(job, day_key, accepted, refunded)
  if accepted == 0 and refunded == 0 then return end
  local v = redis.call('HMGET', job.key, 'g', 'q')
  enter(day_key, v[1], v[2], accepted, refunded)
end

-- To be called once, at the end of a script that entered something.
local function keep_book(account_key, ttl_s)
  local total = 0
  for day_key, rows in pairs(BOOK) do
    for name, row in pairs(rows) do
      local client, thirds, prefix = string.match(name, '^([^|]*)|(%d*)%.?(%d*)$')
      if not client then client, thirds, prefix = '', '', '' end -- a job that is damaged costs what most cost
      local each, place = tonumber(thirds) or 3, '|' .. client .. '|' .. prefix
      if row[1] ~= 0 then
        redis.call('HINCRBY', day_key, 'n' .. place, string.format('%d', row[1]))
        redis.call('HINCRBY', day_key, 'u' .. place, string.format('%d', row[1] * each))
      end
      if row[2] ~= 0 then redis.call('HINCRBY', day_key, 'r' .. place, string.format('%d', row[2] * each)) end
      total = total + (row[1] - row[2]) * each
    end
    if redis.call('TTL', day_key) == -1 then redis.call('EXPIRE', day_key, ttl_s) end
  end
  if total ~= 0 then redis.call('HINCRBY', account_key, 't', string.format('%d', total)) end
end

-- How many messages are given back when the status of one becomes another: 1, 0, or -1.
local function given_back(before, after)
  if before == after then return 0 end
  return (after == '10' and 1 or 0) - (before == '10' and 1 or 0)
end

local function read_messages(job)
  local packed, messages, at = redis.call('HGET', job.key, 'u') or '', {}, 1
  while at <= #packed do
    local number, status, octets, id_at = string.match(packed, '^(%d+),(%d*),(%d+):()', at)
    if not number then break end -- not as we write it
    at = id_at + tonumber(octets)
    messages[#messages + 1] = { number = number, status = status, id = string.sub(packed, id_at, at - 1) }
  end
  return messages
end

local function put_messages(job, messages)
  local parts = {}
  for i, message in ipairs(messages) do
    parts[i] = message.number .. ',' .. message.status .. ',' .. #message.id .. ':' .. message.id
  end
  redis.call('HSET', job.key, 'u', table.concat(parts))
end

local function message_of(messages, number, id)
  for _, message in ipairs(messages) do
    if message.number == number and (not id or message.id == id) then return message end
  end
  return nil
end

-- A segment that is accepted is accepted under this id. Returns 1 when that is one more message, 0 when it is known.
-- `details` of the segment are unpacked.
local function one_more(job, message_id)
  local s, messages = job.segment, read_messages(job)
  if not message_of(messages, job.number) then
    messages[1 + #messages] = { number = job.number, status = s.status, id = s.message_id }
  end
  if message_of(messages, job.number, message_id) then return 0 end
  messages[1 + #messages] = { number = job.number, status = '', id = message_id }
  put_messages(job, messages)
  return 1
end

-- A receipt about one of several messages of a segment. Returns how many are given back by it: 1, 0 or -1.
local function told_of(job, message_id, status)
  local messages = read_messages(job)
  local message = message_of(messages, job.number, message_id)
  if not message or (RANK[status] or 0) <= (RANK[message.status] or 0) then return 0 end
  local back = given_back(message.status, status)
  message.status = status
  put_messages(job, messages)
  return back
end

-- The same for any segment that is still packed; `before` was its status.
local function told_of_segment(job, before, message_id, status)
  local s = job.segment
  if string.find(s.rest, '^%d*,%d*,%d*,%d') then return told_of(job, message_id, status) end
  return given_back(before, s.status)
end
