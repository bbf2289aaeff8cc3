--- Internal. Holds back what a connection has to send, while the answer to a question decides whether the peer may get
-- it: a session that is not in the server's store yet, or any session before the user has verified the client.
--
-- Several such questions may be open at once; `_output_holds` counts them.
-- @module tls.handshake.output_hold

local output_hold = {}

--- Sends nothing until release() was called as often.
--- @param socket tls.TLSSocket with a connection
function output_hold.hold(socket)
  socket._output_holds = socket._output_holds + 1
  if socket._output_holds == 1 then socket._conn:hold(true) end
end

--- Undoes one hold().
--- @param socket tls.TLSSocket
function output_hold.release(socket)
  socket._output_holds = socket._output_holds - 1
  if socket._output_holds == 0 then socket:_drive_if(socket._conn:hold(false)) end
end

return output_hold
