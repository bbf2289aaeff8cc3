// Node: load.c's protocol.   node bench/servers/node.js CERT KEY
const fs = require('fs'), tls = require('tls');
const [cert, key] = process.argv.slice(2).map((name) => fs.readFileSync(name));

// What the first line asks for: 'ECHO', 'GET' or 'PUT'.
function begin(socket, data) {
  const [, word, size, rest] = /^([A-Z]+) ?(\d*)\n([^]*)/.exec(data.toString('latin1'));
  if (word === 'ECHO' && rest) socket.write(Buffer.from(rest, 'latin1'));
  if (word === 'GET') {
    const piece = Buffer.alloc(+size, 'x');
    const more = () => { while (socket.write(piece)); };
    socket.on('drain', more);
    more();
  }
  return word;
}

const server = tls.createServer({cert, key, noDelay: true}, (socket) => {
  let work;
  socket.on('error', () => {});
  socket.on('data', (data) => {
    if (work === 'ECHO') socket.write(data);
    else if (!work) work = begin(socket, data);
  });
});
server.on('tlsClientError', () => {});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
