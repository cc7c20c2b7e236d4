-- lib_admit.lua: what is the same for a job that is admitted, whether it was taken in (admit.lua) or is a row of a campaign
-- (admit_rows.lua): how long it waits, what its hash says, and what its client has used today.

-- how long to wait at least for a stream that is full: while no binder empties it, asking faster only costs
local FULL_MS = 50

local function wait_for_tokens(tokens, floor, rate) return math.max(1, math.ceil((floor - tokens) * 1000 / rate)) end

local function wait_for_room(n, rate) return math.max(FULL_MS, math.ceil(1000 * math.min(1, n / rate))) end

-- Put the job's n segments into the stream, and into `fields` what its hash says of them. `marks` are its fields besides
-- (`r3q1.1999`); `told`: somebody hears of its changes; the bodies are the ARGV behind `at`.
local function add_segments(fields, outbound, prefix, n, marks, told, at)
  if marks ~= '' then
    for name, value in string.gmatch(marks, '(%l)([%d.]+)') do fields[#fields + 1] = name; fields[#fields + 1] = value end
  end
  if n > 1 then fields[#fields + 1] = 'n'; fields[#fields + 1] = n end
  if n > 1 or told then
    fields[#fields + 1] = 'k'
    fields[#fields + 1] = (n > 1 and 'Q:' .. n or '') .. (told and '@' or '')
  end
  for i = 1, n do
    fields[#fields + 1] = i
    fields[#fields + 1] = 'Q0,,,,,,'
    redis.call('XADD', outbound, '*', 'r', prefix .. i, 'b', ARGV[at + i])
  end
end

local function used_today(quota_key, client) return tonumber(redis.call('HGET', quota_key, client) or 0) end

local function use(quota_key, client, thirds, ttl_s)
  redis.call('HINCRBY', quota_key, client, thirds)
  if redis.call('TTL', quota_key) < 0 then redis.call('EXPIRE', quota_key, ttl_s) end
end
