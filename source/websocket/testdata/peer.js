// A server of ws that a test tells what to do by HTTP on the same port: see the paths below.
'use strict'
const http = require('http')
const { WebSocketServer } = require('ws')

const port = Number(process.argv[2])
const host = process.argv[3]
const token = process.env.TOKEN || ''
const seen = { connections: 0, subscribes: 0, heartbeats: 0, pongs: [], protocols: [], extensions: [] }
let last = ''          // what a subscription is answered with at once
let mute = false       // nothing is acknowledged
let refuse = false

const control = {
  say (body) { last = body; broadcast(body) },
  binary (body) { for (const c of clients()) c.send(Buffer.from(body)) },
  flood (body, query) {
    const n = Number(query.get('n'))
    for (let i = 1; i <= n; i++) {
      const head = `{"n":${i},"unit":"Cel","note":"`
      broadcast(head + 'x'.repeat(1024 - head.length - 2) + '"}')
    }
  },
  close (body, query) { for (const c of clients()) c.close(Number(query.get('code')), 'going away, ' + token) },
  terminate () { for (const c of clients()) c.terminate() },
  mute (body, query) { mute = query.get('on') === '1' },
  refuse (body, query) { refuse = query.get('on') === '1' },
  seen () { return JSON.stringify(seen) }
}

const server = http.createServer((req, res) => {
  const url = new URL(req.url, 'http://localhost')
  const does = control[url.pathname.slice(1)]
  if (!does) { res.writeHead(404).end(); return }
  let body = ''
  req.on('data', d => { body += d })
  req.on('end', () => res.end(does(body, url.searchParams) || ''))
})

const wss = new WebSocketServer({
  server,
  path: '/stream',
  perMessageDeflate: { threshold: 0 },
  verifyClient: (info, done) => done(token === '' || info.req.headers['x-api-key'] === token, 401, 'Unauthorized'),
  handleProtocols: offered => offered.has('plant.v1') ? 'plant.v1' : false
})
const clients = () => [...wss.clients].filter(c => c.subscribed)
const broadcast = text => { for (const c of clients()) c.send(text) }

wss.on('connection', (c, req) => {
  seen.connections++
  seen.protocols.push(c.protocol)
  seen.extensions.push(c.extensions)
  c.on('message', data => {
    const said = JSON.parse(data)
    if (said.op === 'subscribe') {
      seen.subscribes++
      if (mute) return
      if (refuse || (said.token !== undefined && said.token !== token)) {
        c.send(JSON.stringify({ op: 'subscribe', success: false, why: 'not for ' + said.token, id: said.id }))
        return
      }
      c.send(JSON.stringify({ op: 'subscribe', success: true, id: said.id }))
      c.subscribed = true
      if (last) c.send(last)
      c.send(JSON.stringify({ op: 'ping', id: 7 }))
    }
    if (said.op === 'heartbeat') seen.heartbeats++
    if (said.op === 'pong') seen.pongs.push(said.id)
  })
  c.on('error', () => {})
})
server.listen(port, host, () => console.log('ready'))
