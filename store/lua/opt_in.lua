-- opt_in.lua: numbers want messages again.
-- KEYS[1] opted-out count integer  KEYS[2] recent sorted set; then one for each number: its bucket hash
-- ARGV: a field for each number, as in opt_out.lua
-- returns an integer for each: 1 it was opted out, 0 it was not
-- uses: lib_form lib_wish
local results = {}
for i, field in ipairs(ARGV) do
  results[#results + 1] = opt_in_one(KEYS[1], KEYS[2], KEYS[i + 2], field)
end
return results
