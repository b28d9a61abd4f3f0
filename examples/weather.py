"""A tool for `viva talk --tools examples/weather.py`: the model calls it, then says what it answered."""

from zlib import crc32

SKIES = ("sunny", "cloudy", "rainy", "windy")


def get_weather(city: str) -> dict[str, str | int]:
    """Tell the current weather in a city. This example invents it: the same city always has the same weather.

    Args:
        city: name of the city, such as Paris.
    """
    number = crc32(city.strip().lower().encode())
    return {"city": city, "sky": SKIES[number % len(SKIES)], "temperature_celsius": 5 + number % 25}
