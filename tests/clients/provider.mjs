// An OpenID Connect provider for the tests: node provider.mjs REDIRECT_URI
// Everybody may sign in; whoever is called NAME-ROLE has that role. Prints the issuer once it listens.
import { createServer } from 'node:http';
import Provider from 'oidc-provider';

const server = createServer();
server.listen(0, 'localhost', () => {
  const issuer = `http://localhost:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [{ client_id: 'homing', client_secret: 'secret', redirect_uris: [process.argv[2]] }],
    claims: { openid: ['sub'], profile: ['roles'] },
    conformIdTokenClaims: false,
    pkce: { required: () => true },
    cookies: { keys: ['test'] },
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, roles: [id.split('-')[1]] }) }),
  });
  server.on('request', provider.callback());
  console.log(issuer);
});
