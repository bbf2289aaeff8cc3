-- Tasks of tls.co in specs: what they throw fails the spec, and the loop is run until it is empty.
local assert = require "luassert"
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local co = require "tls.co"
local scheduler = require "tls.co.scheduler"
local uv = require "luv"

local tasks = {}

-- What a failed test has begun is not to go on in those after it.
local begun = setmetatable({}, { __mode = "k" }) -- tasks
local servers = setmetatable({}, { __mode = "k" })

local begin = scheduler.begin
function scheduler.begin(task, ...)
  begun[task] = true
  return begin(task, ...)
end

helper.on_failure(function()
  for server in pairs(servers) do server:close() end
  local list = {}
  for task in pairs(begun) do list[#list + 1] = task end
  for _, task in ipairs(list) do task:cancel() end
end)

local function fail(err)
  helper.failure = helper.failure or err
  uv.stop()
end

--- Starts a task beside that of run().
function tasks.start(fn, ...)
  local task = co.run(fn, ...)
  co.run(function()
    local _, err = task:wait()
    if task.status == "failed" then fail(err) end
  end)
  return task
end

--- Runs `fn` in a task. What it throws is thrown here, and it has to end.
function tasks.run(fn, ...)
  local task = tasks.start(fn, ...)
  helper.run()
  assert.equal("done", task.status)
end

-- The system is to hold little: it would take 30 MB for a socket that nobody reads from.
local function hold_little(socket)
  uv.recv_buffer_size(socket.stream._handle, 65536)
  return socket
end

--- A server of this process, TLS or not, and what co.connect takes to reach it. In a task.
--- @param options table of co.listen, beside the place and the certificate
--- @param handler fun(socket)
function tasks.serve(options, handler)
  local all = { host = "127.0.0.1", port = 0, noDelay = true, onError = fail }
  if not options.plain then all.key, all.cert = certs.ecdsa.key, certs.ecdsa.cert end
  for name, value in pairs(options) do all[name] = value end
  local server = assert(co.listen(all, function(socket) return handler(hold_little(socket)) end))
  servers[server] = true
  local place = { host = "localhost", family = 4, port = server:address().port }
  if options.plain then place.plain = true else place.ca = certs.ca.cert end
  return server, place
end

--- A client of it.
--- @param place table
--- @return co.Socket
function tasks.connect(place)
  return hold_little(assert(co.connect(place)))
end

--- Runs a server for one connection and its client, each of them a task.
--- @param options table { plain, server = options of co.listen, client = those of co.connect }
--- @param handler fun(socket)
--- @param visitor fun(socket)
function tasks.talk(options, handler, visitor)
  local handled = false
  tasks.run(function()
    local of_server = { plain = options.plain }
    for name, value in pairs(options.server or {}) do of_server[name] = value end
    local server, place
    server, place = tasks.serve(of_server, function(socket)
      server:close()
      handler(socket)
      handled = true
    end)
    for name, value in pairs(options.client or {}) do place[name] = value end
    visitor(tasks.connect(place))
  end)
  assert.is_true(handled, "the handler has not ended")
end

--- Calls define(options, name) for TLS and for plain connections.
function tasks.both(define)
  for _, plain in ipairs { false, true } do define({ plain = plain }, plain and "plain: " or "TLS: ") end
end

--- Asserts that a call has failed.
function tasks.fails(code, value, err)
  assert.is_nil(value)
  assert.is_table(err, "no error")
  assert.equal(code, err.code)
end

return tasks
