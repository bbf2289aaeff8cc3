rockspec_format = "3.0"
package = "luv-tls"
version = "scm-1"
source = {
  url = "git+https://github.com/luv-tls/luv-tls.git",
}
description = {
  summary = "Node's tls module for Lua, on luv and OpenSSL 3",
  detailed = [[
    TLS servers and clients with the API of Node's tls module, on the libuv
    loop that luv runs. Verifies chain and host name by default.]],
  homepage = "https://github.com/luv-tls/luv-tls",
  license = "MIT",
  labels = { "tls", "ssl", "luv", "libuv", "openssl", "network" },
}
supported_platforms = { "unix" }
dependencies = {
  "lua >= 5.1",
  "luv >= 1.44",
}
external_dependencies = {
  OPENSSL = {
    header = "openssl/ssl.h",
    library = "ssl",
  },
}
test_dependencies = { "busted" }
test = {
  type = "command",
  command = "make test",
}
build = {
  type = "builtin",
  modules = {
    ["tls.core"] = {
      sources = {
        "csrc/address.c",
        "csrc/bio.c",
        "csrc/box.c",
        "csrc/bytes.c",
        "csrc/conn.c",
        "csrc/conn_answer.c",
        "csrc/conn_emit.c",
        "csrc/conn_info.c",
        "csrc/conn_lua.c",
        "csrc/conn_terms.c",
        "csrc/context.c",
        "csrc/credentials.c",
        "csrc/engine.c",
        "csrc/engine_ask.c",
        "csrc/env.c",
        "csrc/hello.c",
        "csrc/hooks.c",
        "csrc/last_turn.c",
        "csrc/module.c",
        "csrc/pfx.c",
        "csrc/push.c",
        "csrc/safe_getenv.c",
        "csrc/session.c",
        "csrc/sockopt.c",
        "csrc/sslerr.c",
        "csrc/tickets.c",
        "csrc/trust.c",
        "csrc/uvlink.c",
        "csrc/x509.c",
        "csrc/x509_key.c",
        "csrc/x509_names.c",
      },
      incdirs = { "$(OPENSSL_INCDIR)" },
      libdirs = { "$(OPENSSL_LIBDIR)" },
      libraries = { "ssl", "crypto", "dl" },
      defines = { "OPENSSL_NO_DEPRECATED", "OPENSSL_API_COMPAT=30000" },
    },
    ["tls.abort"] = "lua/tls/abort.lua",
    ["tls.alpn"] = "lua/tls/alpn.lua",
    ["tls.ask"] = "lua/tls/ask.lua",
    ["tls.client_hello"] = "lua/tls/client_hello.lua",
    ["tls.connect"] = "lua/tls/connect.lua",
    ["tls.context"] = "lua/tls/context.lua",
    ["tls.deadline"] = "lua/tls/deadline.lua",
    ["tls.defaults"] = "lua/tls/defaults.lua",
    ["tls.dial"] = "lua/tls/dial.lua",
    ["tls.duplex_pair"] = "lua/tls/duplex_pair.lua",
    ["tls.emitter"] = "lua/tls/emitter.lua",
    ["tls.encoding"] = "lua/tls/encoding.lua",
    ["tls.errors"] = "lua/tls/errors.lua",
    ["tls.handles"] = "lua/tls/handles.lua",
    ["tls.hello"] = "lua/tls/hello.lua",
    ["tls.identity"] = "lua/tls/identity.lua",
    ["tls"] = "lua/tls/init.lua",
    ["tls.ip"] = "lua/tls/ip.lua",
    ["tls.judge"] = "lua/tls/judge.lua",
    ["tls.listen"] = "lua/tls/listen.lua",
    ["tls.net"] = "lua/tls/net.lua",
    ["tls.net_knobs"] = "lua/tls/net_knobs.lua",
    ["tls.net_server"] = "lua/tls/net_server.lua",
    ["tls.net_socket"] = "lua/tls/net_socket.lua",
    ["tls.object"] = "lua/tls/object.lua",
    ["tls.pipe"] = "lua/tls/pipe.lua",
    ["tls.psk"] = "lua/tls/psk.lua",
    ["tls.questions"] = "lua/tls/questions.lua",
    ["tls.readable"] = "lua/tls/readable.lua",
    ["tls.renegotiate"] = "lua/tls/renegotiate.lua",
    ["tls.resumption"] = "lua/tls/resumption.lua",
    ["tls.securepair"] = "lua/tls/securepair.lua",
    ["tls.server"] = "lua/tls/server.lua",
    ["tls.settings"] = "lua/tls/settings.lua",
    ["tls.sni"] = "lua/tls/sni.lua",
    ["tls.socket"] = "lua/tls/socket.lua",
    ["tls.stream"] = "lua/tls/stream.lua",
    ["tls.tick"] = "lua/tls/tick.lua",
    ["tls.ticket_keys"] = "lua/tls/ticket_keys.lua",
    ["tls.transport"] = "lua/tls/transport.lua",
    ["tls.trust"] = "lua/tls/trust.lua",
    ["tls.types"] = "lua/tls/types.lua",
    ["tls.wrap"] = "lua/tls/wrap.lua",
    ["tls.writable"] = "lua/tls/writable.lua",
  },
}
