-- libFuzzer on the targets of spec/fuzz, a minute each (`make fuzz`), or two seconds in a quick run. What it finds
-- stays in build-fuzz, and is run first the next time.
package.path = package.path .. ";./?.lua"
local new_row = require "hard.row"

local SECONDS = new_row.every > 1 and 2 or 60
local TARGETS = { "engine", "wire", "readers" }
local WHAT = {
  engine = "fuzz: two engines and an attacker between them",
  wire = "fuzz: each reader of the wire",
  readers = "fuzz: credentials, sessions, OCSP, addresses, options",
}

local function have(program)
  local ok = os.execute("command -v " .. program .. " >/dev/null")
  return ok == true or ok == 0
end

-- The lines of `make fuzz`, its status last.
local function run()
  local pipe = assert(io.popen(("env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS -u BUILD make -s fuzz FUZZ=%d 2>&1; "
    .. "echo status $?"):format(SECONDS)))
  local lines = {}
  for line in pipe:lines() do lines[#lines + 1] = line end
  pipe:close()
  return lines
end

-- How often each target was run, in their order: what a target that has failed has not said is missing.
local function counts_of(lines)
  local counts = {}
  for _, line in ipairs(lines) do
    local n = line:match "^stat::number_of_executed_units:%s*(%d+)"
    if n then counts[#counts + 1] = tonumber(n) end
  end
  return counts
end

local function tell(lines)
  local counts, status = counts_of(lines), lines[#lines]
  for i, name in ipairs(TARGETS) do
    local row = new_row.new(WHAT[name])
    row.cases, row.good = counts[i] or 0, counts[i]
    if not counts[i] or (i == #counts and status ~= "status 0") then
      row:broke("make fuzz", table.concat(lines, "\n", math.max(1, #lines - 30)))
      row.cases = row.cases + 1
    end
    row:finish(("%d s"):format(SECONDS))
  end
end

if have "clang" then tell(run()) else new_row.absent "clang" end
new_row.exit()
