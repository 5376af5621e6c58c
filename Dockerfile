# A small image of the server, without a shell and not as root.
#   docker build -t parley .
#   docker run --init -p 55000:55000 -p 55000:55000/udp -p 8000:8000 -v parley:/data parley
# The key of the server, its messages and its shared folder are in /data.

FROM node:22-bookworm-slim AS build
WORKDIR /source
COPY package.json package-lock.json ./
RUN npm ci
COPY . .
RUN npx bun build.ts && mkdir -p /data/files

FROM gcr.io/distroless/base-debian12:nonroot
COPY --from=build /source/dist/parley /usr/local/bin/parley
COPY --from=build /source/LICENSE /usr/share/doc/parley/LICENSE
COPY --from=build --chown=nonroot:nonroot /data /data
USER nonroot
WORKDIR /data
VOLUME /data
EXPOSE 55000/tcp 55000/udp 8000/tcp
STOPSIGNAL SIGTERM
# It listens beyond loopback in its container, so clients use TLS. Every flag can be set as a variable.
ENV PARLEY_SERVER_HOST=0.0.0.0 \
    PARLEY_SERVER_DATA=/data/chat.db \
    PARLEY_SERVER_FILES=/data/files
# A server with a password needs it here, too: PARLEY_FETCH_FILE_PASSWORD_FILE, or for one of members
# only a pass, PARLEY_FETCH_FILE_PASS.
HEALTHCHECK --interval=30s --timeout=5s --start-period=5s \
  CMD ["/usr/local/bin/parley", "fetch-file", "127.0.0.1:55000", "--list", "--quiet"]
ENTRYPOINT ["/usr/local/bin/parley"]
CMD ["server"]
