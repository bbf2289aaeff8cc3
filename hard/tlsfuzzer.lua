-- Runs the server scripts of a checkout of tlsfuzzer against our server, and prints what fails there and does not
-- against `openssl s_server`.
--
--   tlsfuzzer.lua DIR [WORD]     WORD: only scripts with it in their name
--
-- tlsfuzzer needs Python with tlslite-ng. Scripts that measure time are left out: they take hours.
package.path = package.path .. ";./?.lua"
local co = require "tls.co"
local uv = require "luv"
local Process = require "hard.floods.process"
local certs = require "spec.support.certs"

local DIR, WORD = arg[1], arg[2] or ""
local LIMIT_S = 300
local TAKES_HOURS = { "timing", "marvin", "lucky13", "minerva" }

local failed = false

local function scripts()
  local list, scan = {}, uv.fs_scandir(DIR .. "/scripts")
  while scan do
    local name = uv.fs_scandir_next(scan)
    if not name then break end
    local wanted = name:find "^test%-.*%.py$" and name:find(WORD, 1, true)
    for _, word in ipairs(TAKES_HOURS) do wanted = wanted and not name:find(word, 1, true) end
    if wanted then list[#list + 1] = name end
  end
  table.sort(list)
  return list
end

local function port_of(server)
  return server:line "ACCEPT 127%.0%.0%.1:(%d+)\n" or error(server.child.output, 0)
end

-- What a script says has failed, by name; itself, when it has not come to its end.
local function failures(name, port)
  local process = Process.start { "env", "PYTHONPATH=" .. DIR, "timeout", LIMIT_S, "python3",
    DIR .. "/scripts/" .. name, "-h", "127.0.0.1", "-p", port }
  process:close_input()
  local status, output = process:finish()
  local set, list = {}, output:match "\nFAILED:\n(.*)" or ""
  for line in list:gmatch "[^\n]+" do
    local failure = line:match "^\t(.+)$"
    if not failure then break end
    set[failure] = true
  end
  if status ~= 0 and next(set) == nil then set["the script itself, status " .. status] = true end
  return set
end

local function tell(name, ours, theirs)
  for failure in pairs(ours) do
    if not theirs[failure] then
      failed = true
      print(("%s: %s"):format(name, failure))
    end
  end
end

co.run(function()
  local list = scripts()
  if #list == 0 then error("there are no scripts in " .. DIR .. "/scripts", 0) end
  local ours = Process.start { os.getenv "LUA" or "lua5.4", "hard/tlsfuzzer/server.lua" }
  local theirs = Process.start { "openssl", "s_server", "-www", "-accept", "127.0.0.1:0", "-key", certs.rsa.key_file,
    "-cert", certs.rsa.cert_file }
  local our_port, their_port, differing = port_of(ours), port_of(theirs), 0
  for _, name in ipairs(list) do
    local found = failures(name, our_port)
    if next(found) then
      differing = differing + 1
      tell(name, found, failures(name, their_port))
    end
  end
  print(("%d scripts, %d with failures; above is what fails with our server alone"):format(#list, differing))
  if ours:ended() then
    failed = true
    print("our server has ended: " .. ours.child.output)
  end
  ours:kill()
  theirs:kill()
end)
uv.run()
os.exit(failed and 1 or 0, true)
