# What compose pulls from a registry, from Debian's packages instead: Python, Redis, Prometheus.
FROM hydatis-test/debian AS debian
RUN sed -n 's#^deb \(\S*\) \(\S*\) main#deb \1-security \2-security main#p' /etc/apt/sources.list > /etc/apt/sources.list.d/security.list

FROM debian AS python
RUN apt-get update -qq \
 && apt-get install -y -qq --no-install-recommends ca-certificates python3.11 python3.11-venv python3-pip \
 && ln -s /usr/bin/python3.11 /usr/local/bin/python \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /usr/share/doc

FROM debian AS redis
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends redis-server && rm -rf /var/lib/apt/lists/* /var/cache/apt/*

FROM debian AS prometheus
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends prometheus wget && rm -rf /var/lib/apt/lists/* /var/cache/apt/* \
 && install -d -o 65534 -g 65534 /prometheus
ENTRYPOINT ["prometheus"]
