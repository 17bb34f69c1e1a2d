"""Video and images: the only package that imports av and cv2."""
