-- lib_tally.lua: how many jobs of each campaign are in which state; kept by the scripts that change a job, so that a
-- reader asks one hash.
--
-- tally  hash: `<campaign>:<class>` -> number of jobs. A class is the label of the segment (lib_job.lua), Q for Q W S;
--   of several: Q or H while one of them is, A and the status while open, the label that decided when closed.

-- C and ten letters or digits, a colon: what the id of every job of a campaign begins with. nil for other jobs.
local function campaign_of(id)
  if string.byte(id, 1) == 67 and string.byte(id, 12) == 58 then return string.match(id, '^(C%w%w%w%w%w%w%w%w%w%w):%d') end
  return nil
end

-- Nearly all changes of a run are the same few: they are written together.
local tallies, tallied = {}, false
local function tally(campaign, before, after, jobs)
  if before == after then return end
  local of = tallies[campaign]
  if not of then
    of = {}
    tallies[campaign], tallied = of, true
  end
  if before then of[before] = (of[before] or 0) - (jobs or 1) end
  if after then of[after] = (of[after] or 0) + (jobs or 1) end
end

local function class_of(label)
  if label == 'S' or label == 'W' then return 'Q' end
  return label
end

local function write_tallies(key)
  if not tallied then return end
  for campaign, of in pairs(tallies) do
    for class, change in pairs(of) do
      if change ~= 0 then redis.call('HINCRBY', key, campaign .. ':' .. class, change) end
    end
  end
end
