# k8sgpt as an image: Node.js and the bundle, nothing else.
#   docker build --tag registry.example/k8sgpt:0.1.0 .
FROM node:24-slim AS build
WORKDIR /source
COPY . .
RUN npm run --silent build

FROM node:24-slim
COPY --from=build /source/package.json /source/LICENSE /opt/k8sgpt/
COPY --from=build /source/dist /opt/k8sgpt/dist
RUN ln -s /opt/k8sgpt/dist/k8sgpt.js /usr/local/bin/k8sgpt
USER 65532:65532
ENTRYPOINT ["k8sgpt"]
CMD ["--help"]
