-- The types for an editor, lua/tls/types, name all that a user can reach and nothing else: modules, classes, values and
-- events. They are read by a few patterns, and held against the live modules and the reference.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local pair = require "spec.support.pair"
local defaults = require "tls.options.defaults"
local tls = require "tls"
local net = require "tls.net"

-- What a class has without an underscore, but not for its users.
local INTERNAL = {}
for _, name in ipairs {
  "new", -- how instances are made; it is typed where the reference has it
  "context", "groups", "maxEarlyData", "maxVersion", "echKeys", "raw_keys", -- of a SecureContext, which is opaque
} do
  INTERNAL[name] = true
end

local LISTEN = {
  "on", "once", "addListener", "prependListener", "prependOnceListener", "off", "removeListener",
}

local function sorted(set)
  local list = {}
  for name in pairs(set) do list[#list + 1] = name end
  table.sort(list)
  return list
end

local function read(command)
  local pipe = assert(io.popen(command))
  local text = pipe:read "*a"
  pipe:close()
  return text
end

-- === the annotations ===

local classes = {} -- name -> { parents = {...}, fields = { name -> type, or "method" } }
local aliases = {} -- name -> text
local annotations = {} -- lines

local function read_types(text)
  local class, alias
  local locals = {} -- the class of a local variable
  for line in text:gmatch "[^\n]+" do
    local name, rest = line:match "^%-%-%-@class ([%w.]+)(.*)"
    if name then
      class = classes[name] or { parents = {}, fields = {} }
      classes[name] = class
      for parent in rest:gmatch "[%w.]+" do table.insert(class.parents, parent) end
    end
    local field, kind = line:match '^%-%-%-@field %[?"?([%w_]+)"?%]?(.*)'
    if field then class.fields[field] = kind end
    local variable = line:match "^local (%w+) = {}"
    if variable then locals[variable] = class end
    local owner, method = line:match "^function (%w+)[.:](%w+)%("
    if owner then
      local fields = locals[owner].fields
      fields[method] = "method"
    end
    local new, text_of_new = line:match "^%-%-%-@alias ([%w.]+)(.*)"
    if new then alias, aliases[new] = new, text_of_new end
    local part = line:match "^%-%-%-(|.*)"
    if part then aliases[alias] = aliases[alias] .. part end
    if line:find "^%-%-%-[@|]" then annotations[#annotations + 1] = line end
  end
end

for path in read("ls lua/tls/types/*.lua lua/tls/options/types.lua 2>/dev/null"):gmatch "[^\n]+" do
  read_types(read("cat " .. path) .. "\n\n")
end

local function fields_of(name, into)
  into = into or {}
  local class = assert(classes[name], name)
  for field, kind in pairs(class.fields) do into[field] = into[field] or kind end
  for _, parent in ipairs(class.parents) do fields_of(parent, into) end
  return into
end

-- === what there is ===

local function add_names(set, object)
  for name in pairs(object) do
    if type(name) == "string" and not name:find "^_" then set[name] = true end
  end
end

-- Of a class, its getters, and instances in which all has been set that a constructor and a handshake set.
local function live_names(class, ...)
  local set = {}
  add_names(set, class)
  add_names(set, class.__getters)
  for _, instance in ipairs { ... } do add_names(set, instance) end
  return set
end

local sources = read "cat $(ls lua/tls/*.lua lua/tls/*/*.lua | grep -v /types) csrc/*/*.c"

-- A field that may be nil is nil in most objects: it is enough that the sources name it.
local function exists(name, kind, live)
  if live[name] then return true end
  local may_be_nil = kind:find "^%?" or kind:find "|nil" or kind:find "^ any"
  return may_be_nil and sources:find("%f[%w]" .. name .. "%f[%W]") ~= nil
end

local function compare(type_name, live)
  local typed, missing, invented = fields_of(type_name), {}, {}
  for name in pairs(live) do
    if not typed[name] and not INTERNAL[name] then missing[name] = true end
  end
  for name, kind in pairs(typed) do
    if not exists(name, kind, live) then invented[name] = true end
  end
  assert.same({}, sorted(missing), "without a type in " .. type_name)
  assert.same({}, sorted(invented), "typed in " .. type_name .. ", and not there")
end

-- One connection, and all the objects that it brings.
local seen = {}

local function visit()
  local function on_server(socket)
    seen.server_socket = socket
    socket:pipe(socket)
  end
  local function on_client(socket)
    seen.rsa, seen.x509 = socket:getPeerCertificate(true), socket:getPeerX509Certificate()
    seen.cipher, seen.key, seen.address = socket:getCipher(), socket:getEphemeralKeyInfo(), socket:address()
    socket:finish()
  end
  local function prepare(server)
    seen.server = server
    server:on("clientHello", function(info, callback)
      seen.hello = info
      callback()
    end)
  end
  local result = pair.run({ key = certs.rsa.key, cert = certs.rsa.cert },
    { ca = certs.ca.cert, servername = "localhost", ALPNProtocols = { "a" } }, on_server, on_client, prepare)
  seen.client_socket = result.socket
end

local function visit_wrong_name()
  local result = pair.run({ key = certs.ecdsa.key, cert = certs.ecdsa.cert },
    { ca = certs.ca.cert, servername = "wrong.example.test" })
  seen.refused, seen.ec = result.client_failure, result.client_failure.cert
end

describe("the types for an editor", function()
  setup(function()
    visit()
    visit_wrong_name()
  end)

  it("name what the modules have", function()
    local live = {}
    add_names(live, tls)
    for name in pairs(defaults) do
      if name:find "^%u" then live[name] = true end -- read through a metatable, as this one:
    end
    live.rootCertificates = tls.rootCertificates ~= nil
    live._VERSION = tls._VERSION ~= nil -- no private name
    compare("tls", live)
    live = {}
    add_names(live, net)
    compare("tls.net", live)
  end)

  it("name what servers have", function()
    compare("net.ServerClass", live_names(net.Server, net.Server.new()))
    compare("tls.ServerClass", live_names(tls.Server, seen.server))
  end)

  it("name what sockets have", function()
    compare("net.SocketClass", live_names(net.Socket, net.Socket.new()))
    compare("tls.TLSSocketClass", live_names(tls.TLSSocket, seen.server_socket, seen.client_socket))
  end)

  it("name what a secure pair has", function()
    local secure = tls.createSecurePair()
    compare("tls.SecurePairClass", live_names(tls.SecurePair, secure))
    compare("tls.CryptoStream", live_names(tls.CryptoStream, secure.encrypted))
    compare("tls.CleartextStream", live_names(secure.cleartext._class, secure.cleartext))
    secure:destroy()
    helper.run()
  end)

  it("name what abort controllers have", function()
    local controller = net.AbortController()
    compare("tls.AbortControllerClass", live_names(net.AbortController, controller))
    compare("tls.AbortSignal", live_names(controller.signal._class, controller.signal))
  end)

  it("name what values have", function()
    local context = tls.createSecureContext()
    local live = {}
    add_names(live, context)
    add_names(live, getmetatable(context).__index)
    compare("tls.SecureContext", live)
    for object, type_name in pairs {
      hello = "tls.ClientHello", rsa = "tls.Certificate", ec = "tls.Certificate", refused = "tls.Error",
      cipher = "tls.Cipher", key = "tls.EphemeralKey", address = "tls.Address",
    } do
      live = {}
      add_names(live, seen[object])
      compare(type_name, live)
    end
  end)

  -- The core computes the fields of these: their names are upvalues of what does.
  it("name what certificates have as objects", function()
    local live, index = {}, getmetatable(seen.x509).__index
    if not debug.getupvalue(index, 1) then return pending "Lua 5.1 shows no upvalues of C functions" end
    for i = 1, 2 do
      local _, names = debug.getupvalue(index, i)
      add_names(live, names)
    end
    compare("tls.X509Certificate", live)
  end)

  it("use no name that is not defined", function()
    local undefined = {}
    for _, line in ipairs(annotations) do
      for name in line:gsub("`[^`]*`", ""):gmatch "%f[%w](%a+%.%u%w+)" do
        local is_module = name:find "^tls%." or name:find "^net%."
        if is_module and not (classes[name] or aliases[name]) then undefined[name] = true end
      end
    end
    assert.same({}, sorted(undefined))
  end)
end)

-- === events ===

local function section(heading)
  local inside, lines = false, {}
  for line in io.lines "docs/api.md" do
    if line:find "^#" then inside = line:sub(1, #heading) == heading end
    if inside then lines[#lines + 1] = line end
  end
  assert(#lines > 0, heading)
  return table.concat(lines, "\n") .. "\n\n"
end

-- In the tables of a section, and in its paragraph "Events: ...".
local function documented_events(heading)
  local set, text = {}, section(heading)
  for cell in text:gmatch "\n| (`'[^|]*)|" do
    for name in cell:gmatch "`'(%w+)'`" do set[name] = true end
  end
  for name in (text:match "\nEvents: (.-)\n\n" or ""):gmatch "`'(%w+)'`" do set[name] = true end
  return set
end

local function own_events(...)
  local set = {}
  for _, alias in ipairs { ... } do
    for event in aliases[alias]:gmatch 'event: "(%w+)"' do set[event] = true end
  end
  return sorted(set)
end

describe("the events in the types for an editor", function()
  it("are those of the reference", function()
    assert.same(sorted(documented_events "## Server"), own_events("net.ServerEvents", "tls.ServerEvents"))
    assert.same(sorted(documented_events "## TLSSocket"), own_events "tls.TLSSocketEvents")
    assert.same(sorted(documented_events "### From net.Socket"), own_events "net.SocketEvents")
    assert.same(sorted(documented_events "## Streams"), own_events "tls.StreamEvents")
  end)

  it("are in the text of the reference, where it has no list of them", function()
    for alias, heading in pairs {
      ["tls.EmitterEvents"] = "## Emitters", ["tls.AbortSignalEvents"] = "## tls.net",
      ["tls.SecurePairEvents"] = "## tls.createSecurePair",
    } do
      local text = section(heading)
      for _, event in ipairs(own_events(alias)) do
        assert.is_truthy(text:find("['\"]" .. event .. "['\"]"), event .. " in " .. heading)
      end
    end
  end)

  -- The type of a class's `on`: the alias as it stands, or what the alias `...On` joins.
  local function joined(class)
    local kind = class.fields.on
    local name = kind:match "^ ([%w.]+On)%f[^%w.]"
    return name and aliases[name] or kind
  end

  it("are the same for all that adds and removes listeners", function()
    for name, class in pairs(classes) do
      if class.fields.on then
        for _, method in ipairs(LISTEN) do
          local kind = class.fields[method]
          local same = kind and kind:match "^ ([%w.<>]+)"
          assert.equal(class.fields.on:match "^ ([%w.<>]+)", same, name .. "." .. method)
        end
        for parameter in joined(class):gmatch "Events<([%w.]+)>" do assert.equal(name, parameter) end
      end
    end
  end)

  it("are those of the parent and a class's own", function()
    for name, class in pairs(classes) do
      local parent = classes[class.parents[1]]
      if class.fields.on and parent and parent.fields.on then
        for inherited in joined(parent):gmatch "([%w.]+)Events<" do
          assert.is_truthy(joined(class):find(inherited .. "Events<", 1, true), name .. " lacks those of " .. inherited)
        end
        assert.is_truthy(joined(class):find(name .. "Events<", 1, true), name)
      end
    end
  end)

  -- What a listener for an event gets: a list of types, as text.
  local function parameters_of(event, ...)
    for _, alias in ipairs { ... } do
      local _, last = aliases[alias]:find('event: "' .. event .. '", listener: ', 1, true)
      if last then
        local named = aliases[alias]:match("^tls%.%w+", last + 1)
        local list = (named and aliases[named] or aliases[alias]):match("fun(%b())", named and 1 or last + 1):sub(2, -2)
        local types = {}
        for kind in list:gsub("fun%b()", "function"):gmatch "%w+: ([^,]+)" do types[#types + 1] = kind end
        return types
      end
    end
  end

  local BASIC = {
    string = "string", boolean = "boolean", integer = "number", ["4"] = "number", ["function"] = "function",
  }

  local function fits(value, kind)
    if value == nil then return kind:find "%?$" ~= nil or kind:find "|nil" ~= nil end
    local alias = aliases[kind] or ""
    local basic = BASIC[kind:match "^%w+"]
    return type(value) == (basic or alias:find "^ fun" and "function" or "table")
  end

  -- Listens for all the events in these aliases, and answers what may be answered.
  local function watch(emitter, emitted, ...)
    for _, event in ipairs(own_events(...)) do
      local types = parameters_of(event, ...)
      local function listener(...)
        local count = select("#", ...)
        emitted[event] = true
        if count > #types then error(event .. " has more arguments than its type") end
        for i = 1, #types do
          local value = select(i, ...)
          if not fits(value, types[i]) then error(("%s: argument %d is no %s"):format(event, i, types[i])) end
          if type(value) == "function" then value() end
        end
      end
      if event ~= "readable" then emitter:on(event, helper.wrap(listener)) end -- it would take the data
    end
  end

  it("come with the arguments of their types", function()
    local of_server, of_client, of_accepted = {}, {}, {}
    local NO_TICKET = 0x4000 -- sessions are the server's: 'newSession', 'resumeSession'
    pair.run({ key = certs.rsa.key, cert = certs.rsa.cert, secureOptions = NO_TICKET },
      { ca = certs.ca.cert, host = "localhost", requestOCSP = true },
      function(socket)
        watch(socket, of_accepted, "tls.StreamEvents", "net.SocketEvents", "tls.TLSSocketEvents")
        socket:write "hello"
        socket:pipe(socket)
      end,
      function(socket) socket:finish "bye" end,
      function(server) watch(server, of_server, "net.ServerEvents", "tls.ServerEvents") end,
      function(socket) watch(socket, of_client, "tls.StreamEvents", "net.SocketEvents", "tls.TLSSocketEvents") end)
    assert.same({
      "OCSPRequest", "clientHello", "close", "connection", "keylog", "listening", "newSession", "resumeSession",
      "secureConnection",
    }, sorted(of_server))
    assert.is_true(of_client.connectionAttempt)
    of_client.connectionAttempt, of_client.connectionAttemptFailed = nil, nil -- as many as localhost has addresses
    assert.same({
      "OCSPResponse", "close", "connect", "data", "end", "finish", "keylog", "lookup", "ready", "resume", "secure",
      "secureConnect", "session",
    }, sorted(of_client))
    assert.is_true(of_accepted.data and of_accepted.unpipe)
  end)
end)
