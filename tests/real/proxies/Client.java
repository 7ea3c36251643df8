// Sends requests with Java's own client in its default configuration, and prints the responses.
// Arguments: the URL of the server, then a token for each round of requests.
//
// By http:// this client offers HTTP/2 in every request: Upgrade: h2c.

import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.time.Duration;

public class Client {
    private static final Duration PATIENCE = Duration.ofSeconds(60);
    private static final String QUERY = "{ viewer { name } }";
    private static final HttpClient CLIENT = HttpClient.newHttpClient();

    public static void main(String[] arguments) throws Exception {
        String url = arguments[0];
        String encoded = URLEncoder.encode(QUERY, StandardCharsets.UTF_8);
        for (int i = 1; i < arguments.length; i++) {
            String token = arguments[i];
            String body = "{\"query\": \"" + QUERY + "\"}";
            send(to(url, token).POST(BodyPublishers.ofString(body)));
            send(to(url + "?query=" + encoded, token).GET());
            send(to(url, token).POST(BodyPublishers.ofString(" ".repeat(100_000) + body)));
            send(to(url, token).POST(inChunks(body)));
        }
    }

    private static HttpRequest.Builder to(String url, String token) {
        return HttpRequest.newBuilder(URI.create(url))
            .timeout(PATIENCE)
            .header("Content-Type", "application/json")
            .header("Authorization", "Bearer " + token);
    }

    // A publisher of unknown length, so the body is sent in chunks.
    private static BodyPublisher inChunks(String body) {
        return BodyPublishers.fromPublisher(BodyPublishers.ofString(body));
    }

    private static void send(HttpRequest.Builder request) throws Exception {
        var response = CLIENT.send(request.build(), BodyHandlers.ofString());
        System.out.println(response.statusCode() + " " + response.version() + " " + response.body());
    }
}
