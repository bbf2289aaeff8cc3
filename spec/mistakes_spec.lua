-- Ordinary mistakes, on each Lua: the first line that a user sees. The table is in spec/support/mistakes.lua.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local Child = require "spec.support.child"
local luas = require "spec.support.luas"
local mistakes = require "spec.support.mistakes"
local openssl = require "spec.support.openssl"
local uv = require "luv"

local HERE = uv.cwd()

local function write(path, text)
  local file = assert(io.open(path, "w"))
  file:write(text)
  file:close()
end

-- A folder with the certificates, and what programs share.
local folder

local function make_folder()
  folder = os.tmpname()
  os.remove(folder)
  os.execute(("mkdir %s && ln -s %s/* %s/"):format(folder, uv.fs_realpath(certs.dir), folder))
  os.execute(("ln -s %s/spec/support/mistakes_peer.lua %s/peer.lua"):format(HERE, folder))
end

-- Lua 5.1's own interpreter shows no error that is a table: there docs/api.md has a program run in this way.
local MAIN = _VERSION == "Lua 5.1" and not jit and "main.lua" or "app.lua"

-- Runs app.lua of the folder; its standard output is thrown away. A sanitizer is preloaded for lua's core alone.
local COMMAND = 'cd "$1" && exec env ${3:+"LUA_CPATH=$3" LD_PRELOAD=} "LUA_PATH=./?.lua;$LUA_PATH" "$2" "$4" ' ..
  ">/dev/null"

--- Calls done(line) with the first line that the program writes to stderr.
local function first_line(lua, mistake, done)
  write(folder .. "/app.lua", mistakes.HEADER .. mistake.program .. (mistake.without_loop and "\n" or "\nuv.run()\n"))
  write(folder .. "/main.lua", 'assert(xpcall(assert(loadfile "app.lua"), tostring))\n')
  local command = { "sh", "-c", COMMAND, "sh", folder, lua.name, lua.cpath and HERE .. "/" .. lua.cpath or "", MAIN }
  Child.spawn(command, helper.expect(function(_, output, signal)
    assert.equal(0, signal, "it does not end; so far: " .. output)
    done((output:match "^[^\n]*"))
  end), { limit_ms = 15000 * helper.slow })
  helper.run(20000)
end

local VARIABLE = { PORT = "%d+", DATE = "%d+%-%d%d%-%d%d %d%d:%d%d:%d%d GMT", AGO = "%d+ %l+", FOLDER = "/%S+" }

local function pattern_of(line)
  line = line:gsub("[%^%$%(%)%%%.%[%]%*%+%-%?]", "%%%0")
  return "^" .. line:gsub("[%u_]+", VARIABLE) .. "$"
end

--- A line as the table has it: the beginnings of the interpreter and of luv by name; OpenSSL's releases write "CN = x"
-- and "CN=x".
local function shown(line, lua)
  local name = lua.name .. ": "
  if line:sub(1, #name) == name then line = "LUA: " .. line:sub(#name + 1) end
  line = line:gsub("^LUA: main%.lua:1: ", "LUA: ") -- where assert stands
  line = line:gsub("^Uncaught Error[^:]*: ", "LUV: "):gsub(" = ", "=")
  return (line:gsub("^LUV: (.*) %(an 'error' event without a listener%)$", "EVENT: %1"))
end

--- The line of a mistake, in the words of the release of OpenSSL that has made this one.
local function expected(mistake, line)
  local older = mistake.line
  if not mistake.newer or not line:find(mistake.newer[1][2], 1, true) then return older end
  for _, words in ipairs(mistake.newer) do
    local from, to = older:find(words[1], 1, true)
    older = older:sub(1, from - 1) .. words[2] .. older:sub(to + 1)
  end
  return older
end

for _, lua in ipairs(luas.list) do
  describe("the first line that " .. lua.name .. " shows says what helps:", function()
    setup(make_folder)
    teardown(function() os.execute("rm -r " .. folder) end)

    local it_ends = luas.outside_nvim(it, luas.GOES_ON)
    for _, mistake in ipairs(mistakes) do
      it_ends(mistake.what, function()
        if not lua.here then return pending("skipped: " .. lua.name .. " is not on this machine") end
        if mistake.until_4 and openssl.since(4) then return pending "no mistake with OpenSSL 4.0" end
        first_line(lua, mistake, function(line)
          assert.matches(pattern_of(expected(mistake, shown(line, lua))), shown(line, lua))
        end)
      end)
    end
  end)
end
